"""Whether a file is a valid CycloneDX 1.7 bill of materials, by the published schema. Exit code 1 where it is not."""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

with open(sys.argv[1], encoding="utf-8") as file:
    error = JsonStrictValidator(SchemaVersion.V1_7).validate_str(file.read())
if error is not None:
    sys.exit(str(error))
print("valid")
