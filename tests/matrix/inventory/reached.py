"""How it is reached: load balancers, APIs, names and their certificates, and what stands before them."""

import json

from look import Look, facts, last, tags


class Reached(Look):
    def take(self):
        self.balancers()
        self.apis()
        self.certificates()
        self.zones()
        self.walls("REGIONAL", self.region)
        self.walls("CLOUDFRONT", "us-east-1")

    def its_tags(self, arn):
        return tags(self.client("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"][0])

    def guard(self, arn):
        """Which web ACL it is; the emulator does not tell it from the other side."""
        return self.client("wafv2").get_web_acl_for_resource(ResourceArn=arn).get("WebACL", {}).get("Name")

    def balancers(self):
        elb = self.client("elbv2")
        for it in self.all("elbv2", "describe_target_groups", "TargetGroups"):
            arn = it["TargetGroupArn"]
            attributes = tags(elb.describe_target_group_attributes(TargetGroupArn=arn), "Attributes")
            targets = [one["Target"] for one in elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]]
            its = {**facts(it), "attributes": attributes, "targets": facts(targets)}
            self.add("target group", last(arn), it["TargetGroupName"], its, self.its_tags(arn))
        for it in self.all("elbv2", "describe_load_balancers", "LoadBalancers"):
            arn, name = it["LoadBalancerArn"], it["LoadBalancerName"]
            attributes = tags(elb.describe_load_balancer_attributes(LoadBalancerArn=arn), "Attributes")
            its = {**facts(it), "attributes": attributes, "guarded by": self.guard(arn)}
            self.add("load balancer", last(arn), name, its, self.its_tags(arn))
            for one in self.all("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn):
                self.listener(name, one)

    def listener(self, balancer, it):
        elb, arn = self.client("elbv2"), it["ListenerArn"]
        name = f"{balancer} {it.get('Protocol')} {it.get('Port')}"
        attributes = tags(elb.describe_listener_attributes(ListenerArn=arn), "Attributes")
        certificates = facts(elb.describe_listener_certificates(ListenerArn=arn)["Certificates"])
        self.add("listener", last(arn), name, {**facts(it), "attributes": attributes, "all certificates": certificates}, self.its_tags(arn))
        for one in elb.describe_rules(ListenerArn=arn)["Rules"]:
            self.add("listener rule", last(one["RuleArn"]), f"{name} {one['Priority']}", facts(one), self.its_tags(one["RuleArn"]))

    def apis(self):
        for it in self.all("apigatewayv2", "get_vpc_links", "Items"):
            self.add("VPC link", it["VpcLinkId"], it["Name"], facts(it, "Tags"), tags(it))
        for it in self.all("apigatewayv2", "get_apis", "Items"):
            api, name = it["ApiId"], it["Name"]
            self.add("API", api, name, facts(it, "Tags"), tags(it))
            for one in self.all("apigatewayv2", "get_integrations", "Items", ApiId=api):
                of = f"{name} {one.get('IntegrationMethod')} {one.get('IntegrationUri')}"
                self.names[one["IntegrationId"]] = f"integration:{of}"
                self.items.append(["integration", of, facts(one)])
            for one in self.all("apigatewayv2", "get_routes", "Items", ApiId=api):
                self.names[one["RouteId"]] = f"route:{one['RouteKey']}"
                self.items.append(["route", f"{name} {one['RouteKey']}", facts(one)])
            for one in self.all("apigatewayv2", "get_stages", "Items", ApiId=api):
                self.add("stage", None, f"{name} {one['StageName']}", facts(one, "Tags", "DeploymentId"), tags(one))
        for it in self.all("apigatewayv2", "get_domain_names", "Items"):
            self.add("domain name", None, it["DomainName"], facts(it, "Tags"), tags(it))
            for one in self.all("apigatewayv2", "get_api_mappings", "Items", DomainName=it["DomainName"]):
                of = f"{it['DomainName']} {one.get('ApiMappingKey')}"
                self.names[one["ApiMappingId"]] = f"mapping:{of}"
                self.items.append(["API mapping", of, facts(one)])

    def certificates(self):
        acm = self.client("acm")
        for it in self.all("acm", "list_certificates", "CertificateSummaryList"):
            arn = it["CertificateArn"]
            it = acm.describe_certificate(CertificateArn=arn)["Certificate"]
            for one in it.get("DomainValidationOptions") or []:
                record = one.get("ResourceRecord")
                if record:
                    self.names[record["Name"].rstrip(".")] = f"validation name of {one['DomainName']}"
                    self.names[record["Value"].rstrip(".")] = f"validation value of {one['DomainName']}"
            its = facts(it, "Serial", "Status", "DomainValidationOptions", "RenewalSummary", "Subject", "Issuer")
            self.add("certificate", last(arn), it["DomainName"], its, tags(acm.list_tags_for_certificate(CertificateArn=arn)))

    def zones(self):
        route53 = self.client("route53")
        for it in self.all("route53", "list_hosted_zones", "HostedZones"):
            identity = last(it["Id"])
            whole = route53.get_hosted_zone(Id=identity)
            its_tags = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=identity)["ResourceTagSet"]
            its = {"comment": it["Config"], "networks": facts(whole.get("VPCs"))}
            self.add("zone", identity, it["Name"], its, tags(its_tags))
            for one in self.all("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=identity):
                name = f"{it['Name']} {one['Name']} {one['Type']} {one.get('SetIdentifier', '')}"
                # Those of the zone itself are the emulator's.
                own_records = one["Name"] == it["Name"] and one["Type"] in ("NS", "SOA")
                self.items.append(["record", name, {} if own_records else facts(one)])
        for it in self.all("route53", "list_health_checks", "HealthChecks"):
            its_tags = route53.list_tags_for_resource(ResourceType="healthcheck", ResourceId=it["Id"])["ResourceTagSet"]
            name = json.dumps(it["HealthCheckConfig"], sort_keys=True)
            self.add("health check", it["Id"], name, facts(it, "HealthCheckVersion"), tags(its_tags))

    def walls(self, scope, region):
        waf = self.client("wafv2", region)
        for it in waf.list_web_acls(Scope=scope)["WebACLs"]:
            its = facts(waf.get_web_acl(Name=it["Name"], Id=it["Id"], Scope=scope)["WebACL"])
            its_tags = waf.list_tags_for_resource(ResourceARN=it["ARN"])["TagInfoForResource"]
            self.add("web ACL", it["Id"], f"{scope} {it['Name']}", its, tags(its_tags, "TagList"))
