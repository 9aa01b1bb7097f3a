//! What must be known to repeat a run: `manifest.json` beside the rows.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The part of a manifest that must be equal for equal results; only this is hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// ergometer's version.
    pub version: String,
    /// The subcommand.
    pub command: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Devices as their executors name them (model name, driver; no UUID, no host).
    pub devices: Vec<String>,
    /// The plan or the options that decide what is run, as text.
    pub plan: String,
}

/// One run: its identity, and the circumstances that explain differences between runs of equal identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Hash of `identity`, 16 hexadecimal digits; stands in every row.
    pub manifest_id: String,
    /// What the hash covers.
    pub identity: Identity,
    /// Host name, kernel, driver, VBIOS, microcode, governor, SMT, git revision, command line, times of day: free
    /// text by name. An unknown one is left out.
    pub circumstances: BTreeMap<String, String>,
}

impl Manifest {
    /// A manifest with its id computed.
    pub fn new(identity: Identity, circumstances: BTreeMap<String, String>) -> Self {
        // serde_json writes struct fields in declaration order: the text is canonical.
        let text = serde_json::to_string(&identity).expect("strings and numbers always serialise");
        let digest = Sha256::digest(text.as_bytes());
        let manifest_id = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { manifest_id, identity, circumstances }
    }

    /// Removes what could name a person or a machine (`--anonymise`).
    pub fn anonymise(&mut self) {
        for name in ["host", "user", "command_line", "folder", "uuid"] {
            self.circumstances.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(seed: u64) -> Identity {
        Identity {
            version: "0.1.0".into(),
            command: "sweep".into(),
            seed,
            devices: vec!["vnode-a100".into()],
            plan: "blocks = 5".into(),
        }
    }

    #[test]
    fn the_id_depends_on_the_identity_and_on_nothing_else() {
        let bare = Manifest::new(identity(1), BTreeMap::new());
        let told = Manifest::new(identity(1), BTreeMap::from([("host".into(), "a".into())]));
        assert_eq!(bare.manifest_id, told.manifest_id);
        assert_eq!(bare.manifest_id.len(), 16);
        assert_ne!(bare.manifest_id, Manifest::new(identity(2), BTreeMap::new()).manifest_id);
    }

    #[test]
    fn anonymised_manifests_name_no_host() {
        let mut told = Manifest::new(identity(1), BTreeMap::from([("host".into(), "a".into())]));
        told.anonymise();
        assert!(told.circumstances.is_empty());
    }
}
