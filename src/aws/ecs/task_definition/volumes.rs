//! Volumes, and how containers mount them.

use aws_sdk_ecs::types::{
    EfsAuthorizationConfig as SdkAuthorization, EfsAuthorizationConfigIam, EfsTransitEncryption, EfsVolumeConfiguration as SdkEfs,
    HostVolumeProperties, MountPoint as SdkMountPoint, Volume as Described,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::wording::{meaning, word};

/// A volume that containers mount; without more than a name, an empty one that goes with the task.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Volume {
    /// The name that mount points refer to.
    #[schemars(length(min = 1, max = 255))]
    name: String,
    /// A file system of EFS, which outlives the task.
    efs_volume_configuration: Option<Efs>,
    /// A folder of the instance; not on Fargate.
    host: Option<Host>,
}

/// A file system of EFS.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Efs {
    /// The id of the file system: `fs-…`.
    filesystem_id: String,
    /// The folder in it that is mounted; `/` where there is an access point.
    #[serde(default = "root")]
    root_directory: String,
    /// Whether what goes to and fro is encrypted.
    #[serde(default)]
    transit_encryption: Switch,
    /// The port for that on the instance; left out, EFS chooses.
    #[schemars(range(min = 1, max = 65_535))]
    transit_encryption_port: Option<i32>,
    /// As whom the file system is used.
    authorization_config: Option<Authorization>,
}

/// As whom a file system is used.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Authorization {
    /// An access point: `fsap-…`.
    access_point_id: Option<String>,
    /// Whether the task's role decides what may be done.
    #[serde(default)]
    iam: Switch,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Switch {
    /// It does.
    Enabled,
    /// It does not.
    #[default]
    Disabled,
}

/// A folder of the instance.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Host {
    /// Its path.
    source_path: Option<String>,
}

/// Where a volume appears in a container.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct MountPoint {
    /// The name of the volume.
    source_volume: String,
    /// The path in the container.
    container_path: String,
    /// Whether the container cannot write to it.
    #[serde(default)]
    read_only: bool,
}

fn root() -> String {
    "/".to_owned()
}

impl Volume {
    pub(super) fn definition(&self) -> Described {
        let host = |it: &Host| HostVolumeProperties::builder().set_source_path(it.source_path.clone()).build();
        Described::builder()
            .name(&self.name)
            .set_efs_volume_configuration(self.efs_volume_configuration.as_ref().map(Efs::definition))
            .set_host(self.host.as_ref().map(host))
            .build()
    }

    pub(super) fn read(it: &Described) -> Self {
        Self {
            name: it.name.clone().unwrap_or_default(),
            efs_volume_configuration: it.efs_volume_configuration().map(Efs::read),
            // AWS tells of a host without a path where none was written.
            host: it.host().filter(|it| it.source_path().is_some()).map(|it| Host { source_path: it.source_path.clone() }),
        }
    }
}

impl Efs {
    fn definition(&self) -> SdkEfs {
        let on = |it: Switch| it == Switch::Enabled;
        let authorization = |it: &Authorization| {
            SdkAuthorization::builder()
                .set_access_point_id(it.access_point_id.clone())
                .set_iam(on(it.iam).then_some(EfsAuthorizationConfigIam::Enabled))
                .build()
        };
        let encryption = EfsTransitEncryption::from(word(&self.transit_encryption).as_str());
        SdkEfs::builder()
            .file_system_id(&self.filesystem_id)
            .root_directory(&self.root_directory)
            .set_transit_encryption(on(self.transit_encryption).then_some(encryption))
            .set_transit_encryption_port(self.transit_encryption_port)
            .set_authorization_config(self.authorization_config.as_ref().map(authorization))
            .build()
            .expect("it has the id of a file system")
    }

    fn read(it: &SdkEfs) -> Self {
        let authorization = |it: &SdkAuthorization| Authorization {
            access_point_id: it.access_point_id.clone(),
            iam: it.iam().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        };
        Self {
            filesystem_id: it.file_system_id.clone(),
            root_directory: it.root_directory.clone().unwrap_or_else(root),
            transit_encryption: it.transit_encryption().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
            transit_encryption_port: it.transit_encryption_port,
            authorization_config: it.authorization_config().map(authorization),
        }
    }
}

impl MountPoint {
    pub(super) fn definition(&self) -> SdkMountPoint {
        SdkMountPoint::builder().source_volume(&self.source_volume).container_path(&self.container_path).read_only(self.read_only).build()
    }

    pub(super) fn read(it: &SdkMountPoint) -> Self {
        Self {
            source_volume: it.source_volume.clone().unwrap_or_default(),
            container_path: it.container_path.clone().unwrap_or_default(),
            read_only: it.read_only.unwrap_or_default(),
        }
    }
}
