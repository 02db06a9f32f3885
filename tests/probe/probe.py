"""Whether an emulator has each property of a stack file, as boto3 sees it, which knows nothing of infra.

    probe.py URL REGION STACK_FILE STATE_FILE FOLDER

STATE_FILE has the values to which the properties of STACK_FILE were evaluated. FOLDER is searched for the texts of the secrets.
Prints one JSON document: how many resources and properties were looked at, and what is wrong.
"""

import hmac
import json
import pathlib
import sys

import boto3
import yaml
from botocore.config import Config

from properties import NOT_KEPT, TYPES


class Clients:
    """A client for each service, made when it is first used; and what must not be found anywhere."""

    def __init__(self, url, region, key):
        self.url, self.region, self.account, self.secrets, self.key = url, region, "123456789012", set(), key

    def hashed(self, value):
        """As it is recorded where it may be secret."""
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return {"infra:hash": hmac.new(self.key.encode(), text.encode(), "sha256").hexdigest()}

    def __getattr__(self, name):
        service = {"lambda_": "lambda"}.get(name, name.replace("_", "-"))
        settings = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "config": Config(retries={"max_attempts": 1})}
        client = boto3.client(service, endpoint_url=self.url, region_name=self.region, **settings)
        setattr(self, name, client)
        return client


class Resource:
    def __init__(self, address, recorded):
        self.address, self.type, self.id = address, recorded["type"], recorded["id"]
        self.expected, self.outputs = recorded["applied"], recorded["outputs"]


def differences(expected, found, path, kept):
    """Where what was found is not, or not all of, what was expected."""
    if path in kept or expected is None:
        return []
    if expected in ([], {}, "") and not found:
        # Written as nothing, it may as well not be there.
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        return [it for key, value in expected.items() for it in differences(value, found.get(key), f"{path}.{key}", kept)]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        left = list(found)
        for value in expected:
            same = [it for it in left if not differences(value, it, path, kept)]
            if not same:
                return [f"{path}: {value} is not in {found}"]
            left.remove(same[0])
        return []
    alike = type(expected) is type(found) or {type(expected), type(found)} == {int, float}
    return [] if alike and expected == found else [f"{path}: {expected!r} is {found!r}"]


def otherwise(value):
    """Every value that differs from this one in one place."""
    if isinstance(value, dict):
        for key, it in value.items():
            for other in otherwise(it):
                yield {**value, key: other}
    elif isinstance(value, list):
        for n, it in enumerate(value):
            for other in otherwise(it):
                yield [*value[:n], other, *value[n + 1 :]]
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, (int, float)):
        yield value + 1
    elif isinstance(value, str):
        yield value + "-other"


def forget(value, path, kept):
    """The same without what the emulator does not keep."""
    if isinstance(value, dict):
        return {key: forget(it, f"{path}.{key}", kept) for key, it in value.items() if f"{path}.{key}" not in kept}
    return [forget(it, path, kept) for it in value] if isinstance(value, list) else value


def written(stack):
    """By name of a resource its type and the properties that the file writes."""
    found = {}
    for name, declared in stack["resources"].items():
        for key, properties in declared.items():
            if "." in key:
                found[name] = (key, properties)
    return found


def at(value, path):
    """What is at the path, if anything; in lists, in any of their elements."""
    if isinstance(value, list):
        return next((found for found in (at(it, path) for it in value) if found is not None), None)
    if not path:
        return value
    return at(value.get(path[0]), path[1:]) if isinstance(value, dict) else None


def check(aws, it, properties, unused):
    """What is wrong with one resource, and at how many properties it was looked."""
    found = TYPES[it.type](aws, it)
    kept, wrong, n = NOT_KEPT.get(it.type, {}), [], 0
    for path in kept:
        if at(it.expected, path.split(".")) is not None:
            unused.discard((it.type, path))
        if at(found, path.split(".")) is not None:
            wrong.append(f"`{path}` is kept after all")
    # The tags of the whole stack are written once for all.
    for name in {**properties, "tags": None} if "tags" in it.expected else properties:
        expected = it.expected.get(name)
        if expected is None:
            if "null" not in str(properties[name]):
                wrong.append(f"`{name}` is written, and was not applied")
        elif name not in kept:
            n += 1
            if name not in found:
                wrong.append(f"nobody asks about `{name}`")
                continue
            wrong += differences(expected, found[name], name, kept)
            # With any other value it would have been noticed.
            others = otherwise(forget(expected, name, kept))
            wrong += [f"`{name}` could as well be {it}" for it in others if not differences(it, found[name], name, kept)]
    return wrong, n


def main():
    url, region, stack_file, state_file, folder = sys.argv[1:]
    state = json.loads(pathlib.Path(state_file).read_text())["state"]
    aws = Clients(url, region, state["hash_key"])
    declared = written(yaml.safe_load(pathlib.Path(stack_file).read_text()))
    resources = state["resources"]
    unused = {(kind, path) for kind, paths in NOT_KEPT.items() for path in paths}
    wrong, n_properties = [], 0
    for address, recorded in sorted(resources.items()):
        it = Resource(address, recorded)
        kind, properties = declared[address.split("/")[0]]
        if kind != it.type or kind not in TYPES:
            wrong.append(f"{address}: nobody asks about {it.type}")
            continue
        try:
            its_wrong, n = check(aws, it, properties, unused)
        except Exception as problem:  # One that cannot be asked about must not hide the others.
            wrong.append(f"{address}: {type(problem).__name__}: {problem}")
            continue
        wrong += [f"{address}: {text}" for text in its_wrong]
        n_properties += n
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file():
            text = path.read_text(errors="replace")
            if any(form in text for secret in aws.secrets for form in (secret, json.dumps(secret)[1:-1])):
                wrong.append(f"a secret is in {path.name}")
    wrong += [f"nothing here has the `{path}` of {kind}, which is said not to be kept" for kind, path in sorted(unused)]
    root = pathlib.Path(__file__).parents[2]
    for paths in NOT_KEPT.values():
        wrong += [f"{file} has no test {name}" for _, file, name in paths.values() if f" fn {name}()" not in (root / file).read_text()]
    # Of the secrets themselves only how many there are.
    found = {"resources": len(resources), "properties": n_properties, "secrets": len(aws.secrets), "wrong": wrong}
    print(json.dumps(found, indent=1))


main()
