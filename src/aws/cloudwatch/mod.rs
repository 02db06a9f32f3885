//! Alarms on metrics, and dashboards that show them.

pub(crate) mod alarm;
pub(crate) mod dashboard;

/// Makes an enum of the units of metrics, with more where they are needed: only alarms can be about values without a unit.
macro_rules! units {
    ($($(#[$doc:meta])* $more:ident,)*) => {
        #[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
        pub(crate) enum Unit {
            /// Time.
            Seconds,
            /// Time.
            Milliseconds,
            /// Time.
            Microseconds,
            /// Size.
            Bytes,
            /// Size.
            Kilobytes,
            /// Size.
            Megabytes,
            /// Size.
            Gigabytes,
            /// Size.
            Terabytes,
            /// Size.
            Bits,
            /// Size.
            Kilobits,
            /// Size.
            Megabits,
            /// Size.
            Gigabits,
            /// Size.
            Terabits,
            /// A share, from 0 to 100.
            Percent,
            /// How many.
            Count,
            /// A rate.
            #[serde(rename = "Bytes/Second")]
            BytesPerSecond,
            /// A rate.
            #[serde(rename = "Kilobytes/Second")]
            KilobytesPerSecond,
            /// A rate.
            #[serde(rename = "Megabytes/Second")]
            MegabytesPerSecond,
            /// A rate.
            #[serde(rename = "Gigabytes/Second")]
            GigabytesPerSecond,
            /// A rate.
            #[serde(rename = "Terabytes/Second")]
            TerabytesPerSecond,
            /// A rate.
            #[serde(rename = "Bits/Second")]
            BitsPerSecond,
            /// A rate.
            #[serde(rename = "Kilobits/Second")]
            KilobitsPerSecond,
            /// A rate.
            #[serde(rename = "Megabits/Second")]
            MegabitsPerSecond,
            /// A rate.
            #[serde(rename = "Gigabits/Second")]
            GigabitsPerSecond,
            /// A rate.
            #[serde(rename = "Terabits/Second")]
            TerabitsPerSecond,
            /// A rate.
            #[serde(rename = "Count/Second")]
            CountPerSecond,
            $($(#[$doc])* $more,)*
        }
    };
}
pub(crate) use units;
