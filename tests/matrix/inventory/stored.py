"""Databases, buckets and images: RDS, S3, ECR."""

import json

from look import Look, facts, tags

# AWS chooses them where nobody says.
CHOSEN = ("PreferredBackupWindow", "PreferredMaintenanceWindow")

SETTINGS = {
    "encryption": ("get_bucket_encryption", "ServerSideEncryptionConfiguration", {}),
    "policy": ("get_bucket_policy", "Policy", {}),
    "lifecycle": ("get_bucket_lifecycle_configuration", "Rules", {}),
    "public access": ("get_public_access_block", "PublicAccessBlockConfiguration", {}),
    "ownership": ("get_bucket_ownership_controls", "OwnershipControls", {}),
    "cors": ("get_bucket_cors", "CORSRules", {}),
    "website": ("get_bucket_website", "IndexDocument", {}),
    "logging": ("get_bucket_logging", "LoggingEnabled", {}),
    "versioning": ("get_bucket_versioning", "Status", {}),
    "functions": ("get_bucket_notification_configuration", "LambdaFunctionConfigurations", {}),
    "queues": ("get_bucket_notification_configuration", "QueueConfigurations", {}),
    "topics": ("get_bucket_notification_configuration", "TopicConfigurations", {}),
    "acl": ("get_bucket_acl", "Grants", {}),
    "tags": ("get_bucket_tagging", "TagSet", {}),
}


class Stored(Look):
    def take(self):
        self.databases()
        self.groups()
        self.buckets()
        self.repositories()

    def databases(self):
        for it in self.all("rds", "describe_db_clusters", "DBClusters"):
            its = facts(it, "TagList", "DbClusterResourceId", "AllocatedStorage", "HostedZoneId", *CHOSEN)
            # What AWS chose goes through all its addresses.
            chosen = it["Endpoint"].split(".")[1].removeprefix("cluster-")
            self.names.update({f"{one}{chosen}": f"{one}chosen" for one in ("", "cluster-", "cluster-ro-")})
            self.add("cluster", it["DbClusterResourceId"], it["DBClusterIdentifier"], its, tags(it, "TagList"))
        for it in self.all("rds", "describe_db_instances", "DBInstances"):
            its = facts(it, "TagList", "DbiResourceId", *CHOSEN)
            self.add("instance", it["DbiResourceId"], it["DBInstanceIdentifier"], its, tags(it, "TagList"))
        for call, key, name in [
            ("describe_db_cluster_snapshots", "DBClusterSnapshots", "DBClusterSnapshotIdentifier"),
            ("describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
        ]:
            for it in self.all("rds", call, key, SnapshotType="manual"):
                self.items.append(["snapshot", it[name], {}])

    def groups(self):
        rds = self.client("rds")
        for it in self.all("rds", "describe_db_subnet_groups", "DBSubnetGroups"):
            subnets = sorted(one["SubnetIdentifier"] for one in it["Subnets"])
            its = {"description": it["DBSubnetGroupDescription"], "vpc": it["VpcId"], "subnets": subnets}
            its_tags = rds.list_tags_for_resource(ResourceName=it["DBSubnetGroupArn"])
            self.add("subnet group", None, it["DBSubnetGroupName"], its, tags(its_tags, "TagList"))
        for kind in ("Cluster", ""):
            under = kind.lower() + "_" if kind else ""
            name = f"DB{kind}ParameterGroupName"
            for it in self.all("rds", f"describe_db_{under}parameter_groups", f"DB{kind}ParameterGroups"):
                if it[name].startswith("default."):
                    continue
                parameters = self.all("rds", f"describe_db_{under}parameters", "Parameters", **{name: it[name], "Source": "user"})
                its = {"family": it["DBParameterGroupFamily"], "description": it["Description"], "parameters": facts(parameters)}
                its_tags = rds.list_tags_for_resource(ResourceName=it[f"DB{kind}ParameterGroupArn"])
                self.add("parameter group", None, it[name], its, tags(its_tags, "TagList"))

    def buckets(self):
        s3 = self.client("s3")
        buckets = [it["Name"] for it in s3.list_buckets()["Buckets"]]
        logged = [self.maybe("s3", "get_bucket_logging", "LoggingEnabled", Bucket=name) for name in buckets]
        # What AWS writes by itself: looking at a bucket is logged, too.
        written = [f"{it['TargetBucket']}/{it['TargetPrefix']}" for it in logged if it]
        written += [f"{name}/AWSLogs/" for name in buckets]
        for name in buckets:
            its = {key: self.maybe("s3", call, answer, Bucket=name, **more) for key, (call, answer, more) in SETTINGS.items()}
            if its["policy"]:
                its["policy"] = json.loads(its["policy"])
            for one in ("functions", "queues", "topics"):
                # Their ids are made up.
                its[one] = [facts(target, "Id") for target in its[one] or []]
            its_tags = tags({"Tags": its.pop("tags")})
            self.add("bucket", None, name, its, its_tags)
            for one in self.all("s3", "list_object_versions", "Versions", Bucket=name):
                if not f"{name}/{one['Key']}".startswith(tuple(written)):
                    its = {"etag": one["ETag"], "latest": one["IsLatest"]}
                    head = s3.head_object(Bucket=name, Key=one["Key"])
                    its["type"], its["metadata"] = head.get("ContentType"), head.get("Metadata")
                    its_tags = tags(s3.get_object_tagging(Bucket=name, Key=one["Key"]), "TagSet")
                    self.add("object", None, f"{name}/{one['Key']}", its, its_tags)
            for one in self.all("s3", "list_object_versions", "DeleteMarkers", Bucket=name):
                self.items.append(["delete marker", f"{name}/{one['Key']}", {}])

    def repositories(self):
        ecr = self.client("ecr")
        for it in self.all("ecr", "describe_repositories", "repositories"):
            name = it["repositoryName"]
            its = facts(it)
            its["policy"] = self.maybe("ecr", "get_repository_policy", "policyText", repositoryName=name)
            its["lifecycle"] = self.maybe("ecr", "get_lifecycle_policy", "lifecyclePolicyText", repositoryName=name)
            its["images"] = facts(self.all("ecr", "list_images", "imageIds", repositoryName=name))
            self.add("repository", None, name, its, tags(ecr.list_tags_for_resource(resourceArn=it["repositoryArn"]), "tags"))
