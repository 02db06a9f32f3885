"""What there is in an emulator of AWS, seen through boto3, which knows nothing of infra.

Reads lines `URL REGION`, and answers each with one line of JSON: a list of [kind, name, facts]. Ids, which differ from run to run, are replaced
by names: the tag `infra:address`, or the place in the structure. What only says when or by which call something was made is left out.
"""

import json
import sys

from identity import Identity
from look import named
from network import Network
from reached import Reached
from running import Running
from stored import Stored
from watching import Watching


def take(url, region):
    names, items = {}, []
    for look in (Network, Identity, Stored, Running, Reached, Watching):
        look(url, region, names, items).take()
    return sorted(named(items, names), key=json.dumps)


for line in sys.stdin:
    print(json.dumps(take(*line.split()), sort_keys=True), flush=True)
