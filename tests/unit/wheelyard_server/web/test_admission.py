from contextlib import ExitStack

import pytest

from wheelyard_server.errors import BusyError, FileTooLargeError
from wheelyard_server.settings import Limits
from wheelyard_server.web.admission import FORM_BYTES, Admission

LIMITS = Limits(file_bytes=100, uploads=3, scratch_bytes=2 * FORM_BYTES)


def test_uploads_wait_until_there_is_space_for_them() -> None:
    admission = Admission(LIMITS)
    with admission.admit(FORM_BYTES):
        with admission.admit(FORM_BYTES), pytest.raises(BusyError), admission.admit(1):
            pass
        with admission.admit(FORM_BYTES):
            pass


def test_uploads_are_counted() -> None:
    admission = Admission(LIMITS)
    with ExitStack() as running:
        for _ in range(3):
            running.enter_context(admission.admit(1))
        with pytest.raises(BusyError):
            running.enter_context(admission.admit(1))
    with admission.admit(1):
        pass


def test_an_upload_of_unknown_length_counts_as_the_largest() -> None:
    admission = Admission(LIMITS)
    with admission.admit(None), pytest.raises(BusyError), admission.admit(FORM_BYTES):
        pass


def test_one_upload_is_taken_however_small_the_space_is() -> None:
    with Admission(Limits(scratch_bytes=1)).admit(None):
        pass


def test_an_upload_that_can_never_be_accepted_is_refused_at_once() -> None:
    with pytest.raises(FileTooLargeError, match="100"), Admission(LIMITS).admit(FORM_BYTES + 101):
        pass


def test_a_failed_upload_gives_its_space_back() -> None:
    admission = Admission(LIMITS)
    for _ in range(10):
        with pytest.raises(ZeroDivisionError), admission.admit(FORM_BYTES):
            _ = 1 / 0
