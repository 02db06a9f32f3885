"""How all services are looked at."""

import datetime
import functools
import json
import re

import boto3
from botocore.config import Config

SECRETS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
MOMENTARY = {"infra:operation", "infra:state"}
# What says who asked, when, or how things are this minute.
NEVER = {"ResponseMetadata", "LockToken", "RevisionId", "CallerReference"}


def tags(thing, key="Tags"):
    """However a service puts them."""
    found = thing.get(key) or []
    if isinstance(found, dict):
        return found
    return {it.get("Key", it.get("key", it.get("TagKey"))): it.get("Value", it.get("value", it.get("TagValue"))) for it in found}


def own(thing_tags):
    kept = {key: value for key, value in thing_tags.items() if key not in MOMENTARY}
    # Whose it is differs from run to run; that somebody's mark is on it does not.
    kept.update({key: "set" for key in MOMENTARY if key in thing_tags})
    return kept


def facts(thing, *without):
    """All that is said of a thing but what is only of the moment; of lists of texts the order means nothing."""
    if isinstance(thing, dict):
        left_out = NEVER.union(without)
        dates = (datetime.date, datetime.time)
        return {key: facts(value) for key, value in thing.items() if key not in left_out and not isinstance(value, dates)}
    if isinstance(thing, list):
        values = [facts(it) for it in thing]
        return sorted(values) if all(isinstance(it, str) for it in values) else values
    return thing


def last(arn):
    return re.split("[:/]", arn)[-1]


@functools.cache
def client(url, region, service):
    """Making one takes longer than most calls."""
    return boto3.client(service, endpoint_url=url, region_name=region, config=Config(retries={"max_attempts": 1}), **SECRETS)


class Look:
    """At the things of some services, whose ids and items are added to those of all."""

    def __init__(self, url, region, names, items):
        self.url, self.region, self.names, self.items = url, region, names, items

    def client(self, service, region=None):
        return client(self.url, region or self.region, service)

    def all(self, service, call, key, region=None, **arguments):
        its = self.client(service, region)
        if its.can_paginate(call):
            return [it for page in its.get_paginator(call).paginate(**arguments) for it in page.get(key) or []]
        return getattr(its, call)(**arguments).get(key) or []

    def maybe(self, service, call, key, **arguments):
        """None where there is none, as many services say with an error of its own."""
        its = self.client(service)
        try:
            return facts(getattr(its, call)(**arguments)).get(key)
        except its.exceptions.ClientError as error:
            if not re.match("No|.*NotFound|.*DoesNotExist|.*NotConfigured|ServerSideEncryptionConfig", error.response["Error"]["Code"]):
                raise
            return None

    def add(self, kind, identity, name, its_facts, its_tags):
        """Of a thing without an address the name says where it is."""
        name = its_tags.get("infra:address", name)
        for one in identity if isinstance(identity, list) else [identity]:
            if one:
                self.names[one] = f"{kind}:{name}"
        self.items.append([kind, name, {**its_facts, "tags": own(its_tags)}])


def named(items, names):
    """The same with names for ids; names may have ids in them themselves."""
    # The longest first: one id may begin as another does.
    every = "|".join(re.escape(it) for it in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"(?<![A-Za-z0-9_-])(?:{every})(?![A-Za-z0-9_-])")
    for item in items:
        text = json.dumps(item, sort_keys=True, default=str)
        for _ in range(3):
            text = pattern.sub(lambda found: names[found.group()], text)
        yield sort(json.loads(text))


def sort(thing):
    """Ids were in an order that names are not in. A list of lists is an item, or its order is what it says."""
    if isinstance(thing, dict):
        return {key: sort(value) for key, value in thing.items()}
    if isinstance(thing, list):
        values = [sort(it) for it in thing]
        if all(isinstance(it, str) for it in values) or all(isinstance(it, dict) for it in values):
            values.sort(key=lambda it: json.dumps(it, sort_keys=True))
        return values
    return thing
