//! The three kinds as a trait and as a list, for code that works on any of them.

use std::sync::LazyLock;

use kube::{CustomResourceExt, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::finding::Finding;
use crate::generate;
use crate::shape::Shape;
use crate::{ParsingManifest, Tenant, TenantPipeline};

/// One of Logloom's kinds.
pub trait Kind:
    Resource<DynamicType = ()> + CustomResourceExt + Clone + Serialize + DeserializeOwned + 'static
{
    /// Name of the kind.
    const KIND: ApiKind;

    /// Name of the resource; empty when it has none.
    fn resource_name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    /// Namespace of the resource; empty when it has none.
    fn resource_namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_default()
    }

    /// Everything that the schema and the rules between fields say against this resource: what the API
    /// server would say at admission. Without positions. A resource that was read as text has been
    /// checked already; this is for one that was made in memory or came from the API server.
    fn check(&self) -> Vec<Finding> {
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut value = value;
        drop_nulls(&mut value);
        let findings = Self::KIND.check(&value);
        let of = |finding: Finding| finding.of(Self::KIND.as_str(), self.resource_name());
        findings.into_iter().map(of).collect()
    }
}

impl Kind for Tenant {
    const KIND: ApiKind = ApiKind::Tenant;
}

impl Kind for ParsingManifest {
    const KIND: ApiKind = ApiKind::ParsingManifest;
}

impl Kind for TenantPipeline {
    const KIND: ApiKind = ApiKind::TenantPipeline;
}

/// The kinds by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiKind {
    /// `Tenant`
    Tenant,
    /// `ParsingManifest`
    ParsingManifest,
    /// `TenantPipeline`
    TenantPipeline,
}

impl ApiKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Tenant, Self::ParsingManifest, Self::TenantPipeline];

    /// The word in `kind:`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "Tenant",
            Self::ParsingManifest => "ParsingManifest",
            Self::TenantPipeline => "TenantPipeline",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Checks a resource as JSON: its metadata and its spec. The status is the operator's and is not
    /// looked at.
    pub(crate) fn check(self, value: &Value) -> Vec<Finding> {
        static SHAPES: LazyLock<[Shape; 3]> =
            LazyLock::new(|| ApiKind::ALL.map(|kind| Shape::compile(&generate::resource_schema(kind))));
        SHAPES[self as usize].check(value, "")
    }
}

/// A null member is the same as an absent one: the API server drops it.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
