//! TLS: whose word is taken for whom we speak to.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::error::Error;

/// The five authorities that Amazon Trust Services names for lists of one's own. To read all that a system
/// believes takes several times what a function needs else to start.
///
/// Source: <https://www.amazontrust.com/repository/>
const AMAZON: &str = include_str!("amazon.pem");

/// Where an operator, or a test, names other certificates.
const NAMED: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Regions whose endpoints other authorities may stand behind: of China, of sovereign and of isolated clouds.
const APART: [&str; 4] = ["cn-", "eusc-", "us-iso", "eu-iso"];

/// Who stands behind AWS's endpoints, in PEM. `None` where it is whom this system believes: where the environment names
/// certificates, and in Regions apart.
pub(crate) fn amazon() -> Option<&'static str> {
    let is_named = NAMED.iter().any(|name| std::env::var_os(name).is_some());
    let region = std::env::var("AWS_REGION").unwrap_or_default();
    (!is_named && !is_apart(&region)).then_some(AMAZON)
}

fn is_apart(region: &str) -> bool {
    APART.iter().any(|prefix| region.starts_with(prefix))
}

/// The certificates that AWS's endpoints are held against.
///
/// # Errors
/// There is none.
pub(crate) fn aws_roots() -> Result<RootCertStore, Error> {
    amazon().map_or_else(system_roots, |pem| store(CertificateDer::pem_slice_iter(pem.as_bytes()).flatten()))
}

/// The certificates that this system believes.
///
/// # Errors
/// There is none.
pub fn system_roots() -> Result<RootCertStore, Error> {
    store(rustls_native_certs::load_native_certs().certs)
}

fn store(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(Error::Failed { call: "read the root certificates", cause: "none was found".to_owned() });
    }
    Ok(roots)
}

/// A client that believes what `roots` stand behind.
///
/// # Errors
/// The TLS library cannot be set up.
pub fn config(roots: RootCertStore) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Failed { call: "set up TLS", cause: error.to_string() })?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazons_authorities_are_among_those_that_this_machine_believes() {
        let ours = store(CertificateDer::pem_slice_iter(AMAZON.as_bytes()).map(Result::unwrap)).unwrap();
        assert_eq!(ours.len(), 5);
        let theirs = system_roots().unwrap();
        for root in &ours.roots {
            let known = theirs.roots.iter().any(|their| {
                (&their.subject, &their.subject_public_key_info) == (&root.subject, &root.subject_public_key_info)
            });
            assert!(known, "{root:?}");
        }
    }

    #[test]
    fn regions_apart_have_authorities_of_their_own() {
        for (region, apart) in [
            ("us-east-1", false),
            ("us-gov-west-1", false),
            ("eu-central-1", false),
            ("cn-north-1", true),
            ("eusc-de-east-1", true),
            ("us-iso-east-1", true),
            ("us-isob-east-1", true),
            ("eu-isoe-west-1", true),
        ] {
            assert_eq!(is_apart(region), apart, "{region}");
        }
    }
}
