from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile


class FirstFilesOnly(FileUploadHandler):
    """Drops the files of a request after the twentieth.

    Each large upload is an open temporary file: a thousand photos would use up the
    process's file descriptors and end in a server error. Twenty are more than any form
    takes, so the form still sees "too many" and can say so.
    """

    limit = 20

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        self.files_seen = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.files_seen += 1
        if self.files_seen > self.limit:
            raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None  # the next handler keeps the file
