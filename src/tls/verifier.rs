//! Verifies clients' certificates: by the authorities as RFC 5280 says, and two kinds that webpki does not know.
//!
//! - A certificate that stands in the file of authorities byte for byte is its own authority. It is what
//!   `openssl req -x509` makes, which webpki refuses because it says `CA:TRUE`.
//! - A certificate of X.509 version 1, as `openssl x509 -req` makes it without extensions, directly below an authority.
//!   It has no extensions, so it can neither be restricted by any nor be an authority here.
//!
//! Invariants: validity dates are checked in every case; the client has signed the handshake with the certificate's key;
//! where names are asked for, a certificate without one of them is refused whoever issued it.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use webpki::RawPublicKeyEntity;
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _, Header, Reader as _, SliceReader};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, NameConstraints};

use super::client::{self, alternative_names};
use super::sans::AllowedSans;

const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

tokio::task_local! {
    /// Where the name in the certificate that is verified goes, whatever becomes of it: rustls drops it with a handshake
    /// that fails.
    pub(super) static SHOWN: Arc<OnceLock<String>>;
}

#[derive(Debug)]
pub(super) struct Verifier {
    webpki: Arc<dyn ClientCertVerifier>,
    algorithms: WebPkiSupportedAlgorithms,
    authorities: Vec<Authority>,
    allowed: Option<AllowedSans>,
}

#[derive(Debug)]
struct Authority {
    der: CertificateDer<'static>,
    /// `None` when it may not issue certificates of version 1.
    issuer: Option<Issuer>,
}

#[derive(Debug)]
struct Issuer {
    name: Vec<u8>,
    key: SubjectPublicKeyInfoDer<'static>,
}

impl Verifier {
    pub(super) fn new(
        webpki: Arc<dyn ClientCertVerifier>,
        algorithms: WebPkiSupportedAlgorithms,
        authorities: Vec<CertificateDer<'static>>,
        allowed: Option<AllowedSans>,
    ) -> Self {
        let authorities =
            authorities.into_iter().map(|der| Authority { issuer: Issuer::of(&der), der }).collect();
        Self { webpki, algorithms, authorities, allowed }
    }

    fn verify_version_1(
        &self,
        der: &CertificateDer<'_>,
        certificate: &Certificate,
    ) -> Result<(), CertificateError> {
        let name =
            certificate.tbs_certificate().issuer().to_der().map_err(|_| CertificateError::BadEncoding)?;
        let mut outcome = Err(CertificateError::UnknownIssuer);
        for issuer in self.authorities.iter().filter_map(|authority| authority.issuer.as_ref()) {
            if issuer.name == name {
                outcome = self.verify_issued(der, certificate, issuer);
            }
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn verify_issued(
        &self,
        der: &CertificateDer<'_>,
        certificate: &Certificate,
        issuer: &Issuer,
    ) -> Result<(), CertificateError> {
        let signed = signed_part(der).ok_or(CertificateError::BadEncoding)?;
        let algorithm = certificate.signature_algorithm();
        if algorithm != certificate.tbs_certificate().signature() {
            return Err(CertificateError::BadEncoding);
        }
        let algorithm = algorithm.to_der().map_err(|_| CertificateError::BadEncoding)?;
        let signature = certificate.signature().as_bytes().ok_or(CertificateError::BadEncoding)?;
        let key = RawPublicKeyEntity::try_from(&issuer.key).map_err(|_| CertificateError::BadEncoding)?;
        // webpki has them without the header, which is of two bytes for anything so short.
        let fits = |id: &[u8]| algorithm.get(2..) == Some(id);
        let verified = self.algorithms.all.iter().any(|algorithm| {
            fits(&algorithm.signature_alg_id()) && key.verify_signature(*algorithm, signed, signature).is_ok()
        });
        if verified { Ok(()) } else { Err(CertificateError::BadSignature) }
    }
}

impl Issuer {
    fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let tbs = certificate.tbs_certificate();
        let is_authority = match tbs.get_extension::<BasicConstraints>() {
            Ok(Some((_, constraints))) => constraints.ca,
            Ok(None) => tbs.version() == Version::V1,
            Err(_) => false,
        };
        // Names that it may issue for cannot be compared with those of a certificate that has none.
        let is_free = matches!(tbs.get_extension::<NameConstraints>(), Ok(None));
        let key = tbs.subject_public_key_info().to_der().ok()?;
        let name = tbs.subject().to_der().ok()?;
        (is_authority && is_free).then(|| Self { name, key: SubjectPublicKeyInfoDer::from(key) })
    }
}

/// The first element of the outer sequence, as it was signed.
fn signed_part<'a>(der: &'a CertificateDer<'_>) -> Option<&'a [u8]> {
    let mut reader = SliceReader::new(der).ok()?;
    Header::decode(&mut reader).ok()?;
    reader.tlv_bytes().ok()
}

fn check_dates(certificate: &Certificate, now: UnixTime) -> Result<(), CertificateError> {
    let validity = certificate.tbs_certificate().validity();
    let now = now.as_secs();
    if now < validity.not_before.to_unix_duration().as_secs() {
        return Err(CertificateError::NotValidYet);
    }
    if now > validity.not_after.to_unix_duration().as_secs() {
        return Err(CertificateError::Expired);
    }
    Ok(())
}

fn check_purpose(certificate: &Certificate) -> Result<(), CertificateError> {
    match certificate.tbs_certificate().get_extension::<ExtendedKeyUsage>() {
        Ok(None) => Ok(()),
        Ok(Some((_, ExtendedKeyUsage(purposes))))
            if purposes.iter().any(|purpose| [CLIENT_AUTH, ANY_PURPOSE].contains(purpose)) =>
        {
            Ok(())
        }
        Ok(Some(_)) => Err(CertificateError::InvalidPurpose),
        Err(_) => Err(CertificateError::BadEncoding),
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.webpki.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let certificate = Certificate::from_der(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        // Outside of a handshake nobody asks.
        let _ = SHOWN.try_with(|shown| shown.set(client::name(&certificate)));
        if self.authorities.iter().any(|authority| authority.der == *end_entity) {
            check_dates(&certificate, now)?;
            check_purpose(&certificate)?;
        } else if certificate.tbs_certificate().version() == Version::V1 {
            self.verify_version_1(end_entity, &certificate)?;
            check_dates(&certificate, now)?;
        } else {
            let _ = self.webpki.verify_client_cert(end_entity, intermediates, now)?;
        }
        match &self.allowed {
            Some(allowed) if !allowed.allow(&alternative_names(&certificate)) => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = public_key(certificate)?;
        let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
        let known = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        // TLS 1.2 does not say which curve a scheme is for, so that several fit.
        let algorithms = known.map_or(&[][..], |(_, algorithms)| *algorithms);
        if algorithms
            .iter()
            .any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok())
        {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature_with_raw_key(message, &public_key(certificate)?, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

fn public_key(
    certificate: &CertificateDer<'_>,
) -> Result<SubjectPublicKeyInfoDer<'static>, CertificateError> {
    let certificate = Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let key = certificate.tbs_certificate().subject_public_key_info().to_der();
    Ok(SubjectPublicKeyInfoDer::from(key.map_err(|_| CertificateError::BadEncoding)?))
}
