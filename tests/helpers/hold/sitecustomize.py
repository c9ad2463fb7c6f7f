"""An environment that pins TLSv1 for every program, as one that wraps or patches module ssl does."""

import ssl

create = ssl.create_default_context


def held(*arguments, **named):
    context = create(*arguments, **named)
    if hasattr(ssl, "TLSVersion"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    else:
        # What a Python older than the names of its library's options still can say: SSL_OP_NO_TLSv1_1, _2 and _3.
        context.options |= 0x10000000 | 0x08000000 | 0x20000000
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    return context


ssl.create_default_context = held
