"""Emotion from the voice: the random forest and the support vector classifier on 88 eGeMAPS functionals."""

from affekt.audio.scorer import AudioScorer
from affekt.audio.training import MEMBERS, fit_audio

__all__ = ["MEMBERS", "AudioScorer", "fit_audio"]
