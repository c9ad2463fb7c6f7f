"""Reads every mail of a directory as Python's email package does, and prints them as a list in JSON."""

import email.policy
import json
import pathlib
import sys

mails = []
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.eml")):
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    html = mail.get_body(("html",))
    mails.append(
        {
            "headers": [[name, str(value)] for name, value in mail.items()],
            "type": mail.get_content_type(),
            "text": mail.get_body(("plain",)).get_content(),
            "html": html and html.get_content(),
            "defects": [str(defect) for part in mail.walk() for defect in part.defects],
        }
    )
json.dump(mails, sys.stdout)
