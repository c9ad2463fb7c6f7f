"""Python, urllib."""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request

VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


def context(ca, held):
    """A verifying context that trusts `ca` alone, held to one version unless `held` is "-"."""
    made = ssl.create_default_context(cafile=ca)
    if held != "-":
        made.set_ciphers("DEFAULT@SECLEVEL=0")
        # From 3.10 on Python warns that it is asked for TLSv1; being asked for it is the point.
        made.minimum_version = VERSIONS[held]
        made.maximum_version = VERSIONS[held]
    return made


def ask(url, ca, held="-", method="GET"):
    """One request; an HTTP error status is an answer like any other."""
    key = os.environ.get("API_KEY")
    request = urllib.request.Request(url, method=method, headers={"X-Api-Key": key} if key else {})
    try:
        response = urllib.request.urlopen(request, context=context(ca, held))
    except urllib.error.HTTPError as error:
        response = error
    except urllib.error.URLError as error:
        return {"ok": False, "error": str(error), "code": getattr(error.reason, "reason", None) or ""}
    with response:
        return {
            "ok": True,
            "status": response.status,
            "reason": response.reason,
            "headers": {name.lower(): value for name, value in response.headers.items()},
            "body": response.read().decode("utf-8", "replace"),
        }


if __name__ == "__main__":
    print(json.dumps(ask(*sys.argv[1:])))
