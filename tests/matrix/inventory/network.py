"""EC2."""

import json

from look import Look, own, tags


class Network(Look):
    def take(self):
        self.vpcs()
        self.gateways()
        self.groups()
        self.route_tables()
        self.endpoints()
        self.flow_logs()

    def describe(self, call, key, **arguments):
        return self.all("ec2", call, key, **arguments)

    def vpcs(self):
        for it in self.describe("describe_vpcs", "Vpcs"):
            identity = it["VpcId"]
            facts = {"cidr": it["CidrBlock"], "tenancy": it.get("InstanceTenancy")}
            facts["blocks"] = sorted(block["CidrBlock"] for block in it.get("CidrBlockAssociationSet", []))
            for attribute in ["enableDnsSupport", "enableDnsHostnames"]:
                answer = self.client("ec2").describe_vpc_attribute(VpcId=identity, Attribute=attribute)
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

    def flow_logs(self):
        for it in self.describe("describe_flow_logs", "FlowLogs"):
            keys = ["ResourceId", "TrafficType", "LogGroupName", "LogDestinationType", "DeliverLogsPermissionArn", "MaxAggregationInterval"]
            facts = {key: it.get(key) for key in keys}
            self.add("flow log", it["FlowLogId"], f"of {it['ResourceId']}", facts, tags(it))
