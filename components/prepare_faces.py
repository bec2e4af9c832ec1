"""Kubeflow component: bring still face images (FER2013) to the size of the stored face crops."""

from kfp import dsl
from kfp.dsl import Dataset, Output

from affekt.components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def prepare_faces(
    faces: str, settings: str, face_set: Output[Dataset], run_id: str = "", tracking_uri: str = ""
) -> None:
    """Pack the face images into one array; an empty one where there are none.

    Args:
        faces: folder, archive or CSV file of labelled face images; empty for none.
        settings: the run's settings as JSON.
        face_set: the images with their labels and splits.
        run_id: the parent MLflow run; without one the step is in none.
        tracking_uri: MLflow's tracking address.
    """
    from pathlib import Path

    from affekt.steps.step import step

    with step("faces", settings, tracking_uri=tracking_uri, run_id=run_id) as this:
        from affekt.counted import counted
        from affekt.dataset import read_faces
        from affekt.media import prepare_faces as pack

        packed = pack(read_faces(faces) if faces else [], this.settings.media.face_size)
        packed.write(Path(face_set.path))
        this.say(f"{counted(len(packed.labels), 'face images')}")
