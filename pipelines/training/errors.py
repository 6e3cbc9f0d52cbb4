"""Why a training run ends without a new version."""


class TooLittleDataError(Exception):
    """The data leave a part of the split without a window."""


class ExportCheckError(Exception):
    """An exported model is not what it should be; it must not be published."""
