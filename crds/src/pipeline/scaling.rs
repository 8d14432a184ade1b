//! `scaling` and `delivery`: how many workers, and with which guarantee.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::text::{SecretName, Url};
use crate::units::{Duration, Quantity};

/// How many workers run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("x-kubernetes-validations" = rules::scaling()))]
pub struct Scaling {
    /// Fewest workers. Default 1.
    #[schemars(range(min = 1, max = 1_024))]
    pub min_workers: u32,
    /// Most workers; fixes the partitions of the internal topics. Default 1.
    #[schemars(range(min = 1, max = 1_024))]
    pub max_workers: u32,
    /// Time by which the pipeline may lag behind its sources. Default 10s.
    pub target_lag: Duration,
    /// `auto` (default): the scaler sets the workers. `advisory`: it only says what it would do.
    /// `off`: nothing changes but by `workers`.
    pub mode: ScalingMode,
    /// Workers asked for by hand or by `kubectl scale`, kept within the bounds above. In `auto` mode it
    /// is only where a new pipeline begins. Default: `minWorkers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_024))]
    pub workers: Option<u32>,
    /// CPU of one worker, such as `500m`. Default: the platform's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_cpu: Option<Quantity>,
    /// Memory of one worker, such as `512Mi`. Default: the platform's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_memory: Option<Quantity>,
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            min_workers: 1,
            max_workers: 1,
            target_lag: Duration::from_secs(10),
            mode: ScalingMode::Auto,
            workers: None,
            worker_cpu: None,
            worker_memory: None,
        }
    }
}

/// Who changes the number of workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ScalingMode {
    /// The scaler.
    #[default]
    Auto,
    /// Nobody; the scaler says what it would do.
    Advisory,
    /// Nobody.
    Off,
}

/// With which guarantee results are delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("x-kubernetes-validations" = rules::delivery()))]
pub struct Delivery {
    /// `exactlyOnce` (default) or `atLeastOnce`.
    pub guarantee: Guarantee,
    /// Time between checkpoints. Default 10s.
    pub checkpoint_every: Duration,
    /// Where checkpoints are kept. Default: the platform's store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<CheckpointStore>,
    /// Longest time that a record waits for others in a frame between stages. Default 50ms.
    pub linger: Duration,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            guarantee: Guarantee::ExactlyOnce,
            checkpoint_every: Duration::from_secs(10),
            checkpoints: None,
            linger: Duration::from_millis(50),
        }
    }
}

/// What is promised about results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Guarantee {
    /// Each result once.
    #[default]
    ExactlyOnce,
    /// Each result once or more.
    AtLeastOnce,
}

/// An object store for checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckpointStore {
    /// Address, such as `s3://bucket/prefix`.
    pub url: Url,
    /// Secret in this namespace with the store's keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<SecretName>,
}
