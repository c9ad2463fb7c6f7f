"""The `pokitdok` package from PyPI, unmodified: it asks for a token, then for /api/v4/ssl/.

URL is the platform's base URL, which the package takes; MAXVERSION is put on requests' adapter, as a user of the
package would do it.
"""

import json
import sys
from urllib.parse import urlsplit

import requests
from client import context
from oauthlib.oauth2 import OAuth2Error
from pokitdok.api import PokitDokClient
from requests.sessions import HTTPAdapter

answers = []


class Adapter(HTTPAdapter):
    """requests' adapter with our trust and our ceiling, keeping each answer that passes."""

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, ssl_context=context(ca, held), **kwargs)

    def send(self, request, **kwargs):
        response = super().send(request, **{**kwargs, "verify": ca})
        answers.append(response)
        return response


def last_answer():
    """What the server answered last; the package hands out the parsed body and drops the rest."""
    if not answers:
        return {}
    response = answers[-1]
    return {
        "status": response.status_code,
        "reason": response.reason,
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "body": response.text,
    }


base, ca, held = (sys.argv[1:4] + ["-"])[:3]
requests.sessions.HTTPAdapter = Adapter
try:
    PokitDokClient("client-id", "client-secret", base="https://" + urlsplit(base).netloc).get("/ssl/")
    answer = {"ok": True}
except (requests.RequestException, OAuth2Error, ValueError) as error:
    answer = {"ok": False, "error": "%s: %s" % (type(error).__name__, error), "code": ""}
print(json.dumps({**answer, **last_answer()}))
