#![no_main]

use consign_guest::openpgp::{read_keys, read_message};
use consign_guest::signature::{read_claim, read_kept, read_list};
use consign_guest::wit::exports::consign::image::openpgp::Message;
use consign_guest::wit::exports::consign::image::signatures::{KeptSignature, SignatureForm};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match read_message(bytes) {
        Ok(Message::Compressed(compressed)) => assert!(compressed.data.len() < bytes.len()),
        Ok(Message::Signed(signed)) => {
            assert!(signed.text.len() < bytes.len() && (1..=16).contains(&signed.signatures.len()));
            for signature in &signed.signatures {
                assert!(matches!(signature.version, 2..=4) && signature.integers.len() <= 2);
            }
        }
        Err(error) => assert!(error.offset as usize <= bytes.len()),
    }
    match read_keys(bytes) {
        Ok(keys) => {
            let packets = keys.iter().map(|key| {
                let about = key.users.iter().map(|user| 1 + user.signatures.len()).sum::<usize>();
                let below = key.subkeys.iter().map(|subkey| 1 + subkey.bindings.len()).sum::<usize>();
                1 + key.signatures.len() + about + below
            });
            assert!((1..=10_000).contains(&packets.sum::<usize>()));
        }
        Err(error) => assert!(error.offset as usize <= bytes.len()),
    }
    match read_kept(bytes) {
        Ok(KeptSignature::SimpleSigning(offset)) => assert!(offset as usize <= bytes.len()),
        Ok(KeptSignature::Sigstore(attachment)) => {
            assert!(attachment.payload.len() <= bytes.len());
            let _ = read_claim(&attachment.payload, SignatureForm::Sigstore);
        }
        Ok(KeptSignature::Other(_)) => {}
        Err(error) => assert!(error.offset as usize <= bytes.len()),
    }
    match read_list(bytes) {
        Ok(list) => assert!(list.len() <= 128),
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
