"""Which files are clips, sound or images by their names, and which folders hold no data."""

from __future__ import annotations

from posixpath import splitext

_VIDEO = """
    .3g2 .3gp .3gpp .amv .asf .avi .divx .dv .f4v .flv .gif .h264 .h265 .hevc .ivf .m1v .m2t .m2ts .m2v .m4v
    .mjpeg .mjpg .mk3d .mkv .mod .mov .mp4 .mp4v .mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .ogx .qt .rm .rmvb
    .tod .trp .ts .vob .webm .wmv .wtv .xvid .y4m"""
_SOUND = """
    .aac .ac3 .adts .aif .aifc .aiff .amr .ape .au .awb .caf .dts .eac3 .flac .m4a .m4b .mka .mp2 .mp3 .mpa .oga
    .ogg .opus .ra .snd .spx .tta .voc .w64 .wav .wave .weba .wma .wv"""
_IMAGES = """
    .avif .bmp .dib .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .ras .sr .tif .tiff .webp"""
VIDEO_SUFFIXES, SOUND_SUFFIXES = frozenset(_VIDEO.split()), frozenset(_SOUND.split())
CLIP_SUFFIXES = VIDEO_SUFFIXES | SOUND_SUFFIXES
#: A GIF is a clip where clips are asked for, and a picture, its first, where pictures are.
IMAGE_SUFFIXES = frozenset(_IMAGES.split())
#: Suffixes that name a still image, whatever is asked for.
STILL_SUFFIXES = IMAGE_SUFFIXES - CLIP_SUFFIXES
_OF_SYSTEMS = """
    #recycle #snapshot $recycle.bin @eadir @recently-snapshot @recycle @tmp __macosx __pycache__ found.000 lost+found
    recycled recycler"""
#: Folders that systems and network drives make for themselves.
_SYSTEM_FOLDERS = frozenset(_OF_SYSTEMS.split()) | {
    "system volume information",
    "network trash folder",
    "temporary items",
}
#: Files that systems put beside data.
_SYSTEM_FILES = frozenset(("desktop.ini", "ehthumbs.db", "icon\r", "thumbs.db"))


def is_media(path: str, suffixes: frozenset[str]) -> bool:
    """Whether a relative path ends in one of the suffixes, and no part of it is hidden or a system's."""
    return suffix_of(path) in suffixes and not is_hidden(path) and not is_of_a_system(path)


def suffix_of(path: str) -> str:
    """The ending of a file's name in small letters, with its dot."""
    return splitext(path)[1].lower()


def is_hidden(path: str) -> bool:
    """Whether a part of a relative path begins with a dot."""
    return any(part.startswith(".") for part in path.split("/"))


def is_of_a_system(path: str) -> bool:
    """Whether a relative path lies in a folder, or is a file, that a system keeps for itself (``@eaDir``)."""
    *folders, name = path.split("/")
    return (
        any(folder.lower() in _SYSTEM_FOLDERS for folder in folders)
        or name.lower() in _SYSTEM_FILES
        or name.startswith("._")
    )
