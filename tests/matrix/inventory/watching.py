"""What watches, tells and counts: logs, alarms, topics, queues, trails, AWS Config, budgets."""

import json

from look import Look, facts, last, tags

ACCOUNT = "123456789012"
# What is in a queue or a topic just now, and when it was made.
OF_THE_MOMENT = ("Timestamp", "ApproximateNumber", "EffectiveDeliveryPolicy")


def settled(attributes):
    return {key: value for key, value in attributes.items() if not any(word in key for word in OF_THE_MOMENT)}


class Watching(Look):
    def take(self):
        self.logs()
        self.alarms()
        self.topics()
        self.queues()
        self.trails()
        self.configuration()
        self.budgets()

    def logs(self):
        logs = self.client("logs")
        for it in self.all("logs", "describe_log_groups", "logGroups"):
            its_tags = logs.list_tags_log_group(logGroupName=it["logGroupName"])["tags"]
            its = {"retention": it.get("retentionInDays"), "key": it.get("kmsKeyId"), "name": it["logGroupName"]}
            self.add("log group", None, it["logGroupName"], its, its_tags)
        for it in self.all("logs", "describe_metric_filters", "metricFilters"):
            self.items.append(["metric filter", f"{it['logGroupName']} {it['filterName']}", facts(it, "creationTime")])

    def alarms(self):
        client = self.client("cloudwatch")
        answer = client.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        for it in answer["MetricAlarms"] + answer.get("CompositeAlarms", []):
            # What it found so far is not what it is.
            its = {key: value for key, value in facts(it).items() if not key.startswith("State")}
            if it["AlarmName"].startswith("TargetTracking-"):
                # Of a scaling policy, which has an id.
                its = {key: its[key] for key in ("Namespace", "MetricName", "Threshold", "ComparisonOperator")}
            its_tags = tags(client.list_tags_for_resource(ResourceARN=it["AlarmArn"]))
            self.add("alarm", None, it["AlarmName"], its, its_tags)
        for it in self.all("cloudwatch", "list_dashboards", "DashboardEntries"):
            body = client.get_dashboard(DashboardName=it["DashboardName"])["DashboardBody"]
            self.items.append(["dashboard", it["DashboardName"], {"body": json.loads(body)}])

    def topics(self):
        sns = self.client("sns")
        for it in self.all("sns", "list_topics", "Topics"):
            arn = it["TopicArn"]
            its = settled(sns.get_topic_attributes(TopicArn=arn)["Attributes"])
            its = {key: value for key, value in its.items() if not key.startswith("Subscriptions")}
            self.add("topic", None, last(arn), its, tags(sns.list_tags_for_resource(ResourceArn=arn)))
        for it in self.all("sns", "list_subscriptions", "Subscriptions"):
            name = f"{it['TopicArn']} {it['Protocol']} {it['Endpoint']}"
            its = facts(it)
            if it["SubscriptionArn"].startswith("arn:"):
                self.names[last(it["SubscriptionArn"])] = f"subscription:{name}"
                its["attributes"] = settled(sns.get_subscription_attributes(SubscriptionArn=it["SubscriptionArn"])["Attributes"])
            self.items.append(["subscription", name, its])

    def queues(self):
        sqs = self.client("sqs")
        for url in self.all("sqs", "list_queues", "QueueUrls"):
            its = settled(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])
            self.add("queue", None, last(url), its, sqs.list_queue_tags(QueueUrl=url).get("Tags") or {})

    def trails(self):
        client = self.client("cloudtrail")
        for it in client.describe_trails(includeShadowTrails=False)["trailList"]:
            name = it["Name"]
            status = client.get_trail_status(Name=name)
            selectors = client.get_event_selectors(TrailName=name)
            its = {**facts(it), "logging": status["IsLogging"], "selectors": facts(selectors)}
            its_tags = client.list_tags(ResourceIdList=[it["TrailARN"]])["ResourceTagList"]
            self.add("trail", None, name, its, tags(its_tags[0] if its_tags else {}, "TagsList"))

    def configuration(self):
        config = self.client("config")
        running = {it["name"]: it["recording"] for it in config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]}
        for it in config.describe_configuration_recorders()["ConfigurationRecorders"]:
            self.items.append(["recorder", it["name"], {**facts(it), "running": running.get(it["name"])}])
        for it in config.describe_delivery_channels()["DeliveryChannels"]:
            self.items.append(["delivery channel", it["name"], facts(it)])
        for it in self.all("config", "describe_config_rules", "ConfigRules"):
            its_tags = config.list_tags_for_resource(ResourceArn=it["ConfigRuleArn"])
            self.add("config rule", it["ConfigRuleId"], it["ConfigRuleName"], facts(it), tags(its_tags))

    def budgets(self):
        client = self.client("budgets", "us-east-1")
        for it in client.describe_budgets(AccountId=ACCOUNT).get("Budgets", []):
            name = it["BudgetName"]
            its = facts(it, "CalculatedSpend")
            its["notifications"] = facts(client.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=name)["Notifications"])
            self.items.append(["budget", name, its])
