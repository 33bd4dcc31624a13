#!/usr/bin/python3
"""Validates files against a JSON schema as an editor would: schema_check.py SCHEMA DIRECTORY prints the name of each file in the
directory that is refused, and why. A file that is no YAML is refused, too. Needs python3-jsonschema and python3-yaml."""
import json
import pathlib
import sys

import jsonschema
import yaml

schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for file in sorted(pathlib.Path(sys.argv[2]).iterdir()):
    try:
        content = yaml.safe_load(file.read_bytes())
        error = jsonschema.exceptions.best_match(validator.iter_errors(content))
        why = error and f"{error.json_path}: {error.message}"
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError, RecursionError) as unreadable:
        why = f"no YAML: {unreadable}"
    if why:
        print(file.name, " ".join(why.split())[:200])
