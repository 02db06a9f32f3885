"""What runs: Lambda, ECS, and the scaling of it."""

import json
import re

from look import Look, facts, last, tags


class Running(Look):
    def take(self):
        self.functions()
        self.clusters()
        self.scaling()

    def functions(self):
        client = self.client("lambda")
        for it in self.all("lambda", "list_functions", "Functions"):
            name = it["FunctionName"]
            answer = client.get_function(FunctionName=name)
            # Which image a tag means, the emulator invents anew each time.
            invented = ("CodeSha256", "CodeSize") if it.get("PackageType") == "Image" else ()
            its = {"configuration": facts(answer["Configuration"], "LastModified", *invented)}
            its["code"] = facts(answer.get("Code", {}), "Location", "ResolvedImageUri")
            its["concurrency"] = facts(answer.get("Concurrency"))
            its["policy"] = self.maybe("lambda", "get_policy", "Policy", FunctionName=name)
            if its["policy"]:
                its["policy"] = json.loads(its["policy"])
                for statement in its["policy"]["Statement"]:
                    # A generated name ends otherwise in each project.
                    statement["Sid"] = re.sub("-[0-9a-f]{8}$", "-generated", statement["Sid"])
            versions = self.all("lambda", "list_versions_by_function", "Versions", FunctionName=name)
            its["versions"] = sorted(one["Version"] for one in versions)
            its["aliases"] = facts(self.all("lambda", "list_aliases", "Aliases", FunctionName=name))
            self.add("function", None, name, its, answer.get("Tags") or {})
        for it in self.all("lambda", "list_event_source_mappings", "EventSourceMappings"):
            its_tags = client.list_tags(Resource=it["EventSourceMappingArn"])["Tags"] if it.get("EventSourceMappingArn") else {}
            name = f"{it['EventSourceArn']} {it['FunctionArn']}"
            its = facts(it, "UUID", "StateTransitionReason")
            self.add("event source", it["UUID"], name, its, its_tags)

    def clusters(self):
        ecs = self.client("ecs")
        for arn in self.all("ecs", "list_clusters", "clusterArns"):
            # What is deleted is told for a while.
            [it] = ecs.describe_clusters(clusters=[arn], include=["TAGS", "SETTINGS", "CONFIGURATIONS", "ATTACHMENTS"])["clusters"]
            if it["status"] == "INACTIVE":
                continue
            # How much runs just now, it says as well.
            without = ["registeredContainerInstancesCount", "runningTasksCount", "pendingTasksCount", "tags"]
            self.add("ECS cluster", None, it["clusterName"], facts(it, *without), tags(it, "tags"))
            for service in self.all("ecs", "list_services", "serviceArns", cluster=arn):
                [it] = ecs.describe_services(cluster=arn, services=[service], include=["TAGS"])["services"]
                if it["status"] == "INACTIVE":
                    continue
                its = facts(it, "events", "deployments", "taskSets", "pendingCount", "runningCount", "tags")
                self.add("ECS service", None, f"{last(arn)}/{it['serviceName']}", its, tags(it, "tags"))
        for arn in self.all("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE"):
            answer = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
            it = answer["taskDefinition"]
            its = facts(it, "revision")
            self.add("task definition", f"{it['family']}:{it['revision']}", it["family"], its, tags(answer, "tags"))

    def scaling(self):
        for space in ["ecs", "lambda", "rds", "dynamodb"]:
            for it in self.all("application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace=space):
                name = f"{it['ResourceId']} {it['ScalableDimension']}"
                if it.get("ScalableTargetARN"):
                    self.names[last(it["ScalableTargetARN"])] = f"scalable target:{name}"
                # The emulator does not tell their tags.
                self.items.append(["scalable target", name, facts(it)])
            for it in self.all("application-autoscaling", "describe_scaling_policies", "ScalingPolicies", ServiceNamespace=space):
                name = f"{it['ResourceId']} {it['ScalableDimension']} {it['PolicyName']}"
                self.names[it["PolicyARN"]] = f"scaling policy:{name}"
                for alarm in it.get("Alarms", []):
                    self.names[alarm["AlarmName"]] = f"alarm of {name}"
                self.items.append(["scaling policy", name, facts(it)])
