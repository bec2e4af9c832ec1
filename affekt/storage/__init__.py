"""Files on the local disk and in S3 behind one set of functions; a uri is a path or ``s3://bucket/key``."""

from affekt.storage.access import (
    Listing,
    download_file,
    download_folder,
    exists,
    list_entries,
    list_files,
    list_folder,
    open_local,
    read_bytes,
    read_range,
    remove,
    upload_file,
    upload_folder,
    versions,
    write_bytes,
)
from affekt.storage.files import appearing, file_digest, known_digest, read_optional, require_folder_of
from affekt.storage.large_file import open_large
from affekt.storage.uris import Entry, as_told, is_remote, join, secrets_hidden, whereabouts, without_secrets
from affekt.storage.walk import PassedOver

__all__ = [
    "Entry",
    "Listing",
    "PassedOver",
    "appearing",
    "as_told",
    "download_file",
    "download_folder",
    "exists",
    "file_digest",
    "is_remote",
    "join",
    "known_digest",
    "list_entries",
    "list_files",
    "list_folder",
    "open_large",
    "open_local",
    "read_bytes",
    "read_optional",
    "read_range",
    "remove",
    "require_folder_of",
    "secrets_hidden",
    "upload_file",
    "upload_folder",
    "versions",
    "whereabouts",
    "without_secrets",
    "write_bytes",
]
