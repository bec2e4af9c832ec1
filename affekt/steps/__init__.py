"""What each pipeline step does, callable without Kubeflow."""
