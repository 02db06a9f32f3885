"""What there is in an emulator of AWS, seen through boto3, which knows nothing of infra.

Reads lines `URL REGION`, and answers each with one line of JSON: a list of [kind, name, facts]. Ids, which differ from run to run, are replaced
by names: the tag `infra:address`, or the place in the structure. What only says when or by which call something was made is left out.
"""

import json
import re
import sys

import boto3
from botocore.config import Config

SECRETS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
MOMENTARY = {"infra:operation", "infra:state"}


def tags(thing, key="Tags"):
    return {it["Key"]: it["Value"] for it in thing.get(key) or []}


def own(thing_tags):
    kept = {key: value for key, value in thing_tags.items() if key not in MOMENTARY}
    # Whose it is differs from run to run; that somebody's mark is on it does not.
    kept.update({key: "set" for key in MOMENTARY if key in thing_tags})
    return kept


class Inventory:
    def __init__(self, url, region):
        def client(service):
            return boto3.client(service, endpoint_url=url, region_name=region, config=Config(retries={"max_attempts": 1}), **SECRETS)

        self.ec2, self.iam, self.logs = client("ec2"), client("iam"), client("logs")
        self.names, self.items = {}, []

    def all(self, client, call, key, **arguments):
        if client.can_paginate(call):
            return [it for page in client.get_paginator(call).paginate(**arguments) for it in page[key]]
        return getattr(client, call)(**arguments)[key]

    def describe(self, call, key, **arguments):
        return self.all(self.ec2, call, key, **arguments)

    def add(self, kind, identity, name, facts, its_tags):
        """Of a thing without an address the name says where it is."""
        name = its_tags.get("infra:address", name)
        if identity:
            self.names[identity] = f"{kind}:{name}"
        self.items.append([kind, name, {**facts, "tags": own(its_tags)}])

    def take(self):
        self.vpcs()
        self.gateways()
        self.groups()
        self.route_tables()
        self.endpoints()
        self.records()
        self.roles()
        return sorted((self.named(it) for it in self.items), key=json.dumps)

    def vpcs(self):
        for it in self.describe("describe_vpcs", "Vpcs"):
            identity = it["VpcId"]
            facts = {"cidr": it["CidrBlock"], "tenancy": it.get("InstanceTenancy")}
            facts["blocks"] = sorted(block["CidrBlock"] for block in it.get("CidrBlockAssociationSet", []))
            for attribute in ["enableDnsSupport", "enableDnsHostnames"]:
                answer = self.ec2.describe_vpc_attribute(VpcId=identity, Attribute=attribute)
                facts[attribute] = answer[attribute[0].upper() + attribute[1:]]["Value"]
            self.add("vpc", identity, "default" if it["IsDefault"] else it["CidrBlock"], facts, tags(it))
        for it in self.describe("describe_subnets", "Subnets"):
            keys = ["CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "VpcId"]
            facts = {key: it.get(key) for key in keys}
            self.add("subnet", it["SubnetId"], f"{it['VpcId']} {it['CidrBlock']}", facts, tags(it))

    def gateways(self):
        for it in self.describe("describe_internet_gateways", "InternetGateways"):
            attached = sorted(one["VpcId"] for one in it["Attachments"])
            self.add("internet gateway", it["InternetGatewayId"], f"of {attached}", {"attached": attached}, tags(it))
        for it in self.describe("describe_addresses", "Addresses"):
            self.names[it["PublicIp"]] = "address"
            self.add("address", it["AllocationId"], "unnamed", {"used": "AssociationId" in it}, tags(it))
        for it in self.describe("describe_nat_gateways", "NatGateways"):
            if it["State"] not in ("deleted", "deleting"):
                addresses = sorted(one.get("AllocationId", "none") for one in it.get("NatGatewayAddresses", []))
                facts = {"subnet": it["SubnetId"], "type": it.get("ConnectivityType"), "addresses": addresses}
                self.add("NAT gateway", it["NatGatewayId"], f"in {it['SubnetId']}", facts, tags(it))

    def groups(self):
        for it in self.describe("describe_security_groups", "SecurityGroups"):
            facts = {"name": it["GroupName"], "description": it["Description"], "vpc": it.get("VpcId")}
            self.add("security group", it["GroupId"], f"{it.get('VpcId')} {it['GroupName']}", facts, tags(it))
        for it in self.describe("describe_security_group_rules", "SecurityGroupRules"):
            group = (it.get("ReferencedGroupInfo") or {}).get("GroupId")
            peer = it.get("CidrIpv4") or it.get("CidrIpv6") or it.get("PrefixListId") or group
            way = "egress" if it["IsEgress"] else "ingress"
            name = f"{it['GroupId']} {way} {it['IpProtocol']} {it.get('FromPort')}-{it.get('ToPort')} {peer}"
            # Of a rule there is no structural identity but what it says, so that a repeated one shows as doubled.
            self.items.append(["rule", name, {"description": it.get("Description") or "", "tags": own(tags(it))}])

    def route_tables(self):
        for it in self.describe("describe_managed_prefix_lists", "PrefixLists"):
            self.names[it["PrefixListId"]] = f"prefix list:{it['PrefixListName']}"
        for it in self.describe("describe_route_tables", "RouteTables"):
            routes = []
            for route in it["Routes"]:
                routes.append({key: value for key, value in route.items() if key not in ("Origin",)})
            associated = sorted(one.get("SubnetId") or ("main" if one.get("Main") else "?") for one in it["Associations"])
            facts = {"vpc": it["VpcId"], "routes": sorted(routes, key=json.dumps), "associated": associated}
            name = f"main of {it['VpcId']}" if "main" in associated else f"in {it['VpcId']}"
            self.add("route table", it["RouteTableId"], name, facts, tags(it))

    def endpoints(self):
        for it in self.describe("describe_vpc_endpoints", "VpcEndpoints"):
            if it["State"].lower() in ("deleted", "deleting"):
                continue
            facts = {key: it.get(key) for key in ["VpcEndpointType", "ServiceName", "VpcId", "PrivateDnsEnabled", "PolicyDocument"]}
            facts["subnets"] = sorted(it.get("SubnetIds") or [])
            facts["tables"] = sorted(it.get("RouteTableIds") or [])
            facts["groups"] = sorted(one["GroupId"] if isinstance(one, dict) else one for one in it.get("Groups") or [])
            self.add("endpoint", it["VpcEndpointId"], f"{it['VpcId']} {it['ServiceName']}", facts, tags(it))
        for it in self.describe("describe_network_interfaces", "NetworkInterfaces"):
            if it["SubnetId"] not in self.names:
                # The emulator forgets to remove that of a NAT gateway; nobody could have one where there is no subnet.
                continue
            groups = sorted(one["GroupId"] for one in it.get("Groups") or [])
            self.add("network interface", it["NetworkInterfaceId"], f"in {it['SubnetId']}", {"groups": groups}, tags(it, "TagSet"))

    def records(self):
        for it in self.describe("describe_flow_logs", "FlowLogs"):
            keys = ["ResourceId", "TrafficType", "LogGroupName", "LogDestinationType", "DeliverLogsPermissionArn", "MaxAggregationInterval"]
            facts = {key: it.get(key) for key in keys}
            self.add("flow log", it["FlowLogId"], f"of {it['ResourceId']}", facts, tags(it))
        for it in self.all(self.logs, "describe_log_groups", "logGroups"):
            its_tags = self.logs.list_tags_log_group(logGroupName=it["logGroupName"])["tags"]
            facts = {"retention": it.get("retentionInDays"), "key": it.get("kmsKeyId"), "name": it["logGroupName"]}
            self.add("log group", None, it["logGroupName"], facts, its_tags)

    def roles(self):
        for it in self.all(self.iam, "list_roles", "Roles"):
            name = it["RoleName"]
            if it["Path"].startswith("/aws-service-role/"):
                continue
            inline = {}
            for policy in self.all(self.iam, "list_role_policies", "PolicyNames", RoleName=name):
                inline[policy] = self.iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            attached = [one["PolicyArn"] for one in self.all(self.iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name)]
            facts = {"trust": it["AssumeRolePolicyDocument"], "inline": inline, "attached": sorted(attached), "path": it["Path"]}
            facts.update({"description": it.get("Description"), "session": it.get("MaxSessionDuration")})
            # A generated name differs from run to run.
            self.add("role", name, name, facts, tags(self.iam.get_role(RoleName=name)["Role"]))

    def named(self, item):
        """The same with names for ids; names may have ids in them themselves."""
        text = json.dumps(item, sort_keys=True, default=str)
        for _ in range(3):
            text = re.sub(r"[A-Za-z0-9_.-]+", lambda found: self.names.get(found.group(), found.group()), text)
        kind, name, facts = json.loads(text)
        for one in ("associated", "subnets", "tables", "groups", "addresses", "attached"):
            if isinstance(facts.get(one), list):
                facts[one].sort()
        if "routes" in facts:
            facts["routes"].sort(key=lambda it: json.dumps(it, sort_keys=True))
        return [kind, name, facts]


for line in sys.stdin:
    url, region = line.split()
    print(json.dumps(Inventory(url, region).take(), sort_keys=True), flush=True)
