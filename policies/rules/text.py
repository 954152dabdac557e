"""What people read: a plain text, or one that is translated when it is shown."""

from typing import TYPE_CHECKING

from django.utils.functional import Promise

if TYPE_CHECKING:
    # The name under which the stubs know what gettext_lazy() returns.
    from django.utils.functional import _StrPromise

    Text = str | _StrPromise
else:
    Text = str | Promise
