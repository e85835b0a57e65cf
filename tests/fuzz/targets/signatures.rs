#![no_main]

use consign_guest::signature::{read_claim, read_kept};
use consign_guest::wit::exports::consign::image::signatures::{KeptSignature, SignatureForm};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match read_kept(bytes) {
        Ok(KeptSignature::SimpleSigning(offset)) => assert!(offset as usize <= bytes.len()),
        Ok(KeptSignature::Sigstore(attachment)) => {
            assert!(attachment.payload.len() <= bytes.len());
            let _ = read_claim(&attachment.payload, SignatureForm::Sigstore);
        }
        Ok(KeptSignature::Other(_)) => {}
        Err(error) => assert!(error.offset as usize <= bytes.len()),
    }
    for form in [SignatureForm::SimpleSigning, SignatureForm::Sigstore] {
        match read_claim(bytes, form) {
            Ok(claim) => {
                assert!(claim.reference.len() + claim.manifest_digest.len() <= bytes.len());
                // What is read is of one form.
                let other = match form {
                    SignatureForm::SimpleSigning => SignatureForm::Sigstore,
                    SignatureForm::Sigstore => SignatureForm::SimpleSigning,
                };
                assert!(read_claim(bytes, other).is_err());
            }
            Err(error) => assert!(error.offset as usize <= bytes.len()),
        }
    }
});
