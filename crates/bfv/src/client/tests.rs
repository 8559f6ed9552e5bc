//! Comparisons of ciphertexts, decrypted values and noise with those of `fhe`, for the same samples.

use std::sync::Arc;

use fhe::bfv::{BfvParameters, Ciphertext, Encoding, Plaintext, PublicKey, SecretKey};
use fhe_math::zq::primes::generate_prime;
use fhe_traits::{FheDecoder, FheDecrypter, FheEncoder, FheEncrypter};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::buffers::EncryptionBuffers;
use super::decryption::Decryption;
use super::public_key_encryption::PublicKeyEncryption;
use super::secret_key_encryption::SecretKeyEncryption;
use crate::error::EncryptionError;
use crate::parameters::{Channel, Level, PrimeSizes};
use crate::seed::expansion::Seed;

/// A channel with a plaintext modulus of `t_bits` bits and primes of these sizes in bits. An upload has all but the last `dropped`
/// primes.
fn channel(degree: usize, t_bits: usize, sizes: &[usize], dropped: usize) -> Channel {
    let t = generate_prime(t_bits, 2 * degree as u64, 1 << t_bits).unwrap();
    let primes = PrimeSizes { upload: sizes[..sizes.len() - dropped].to_vec(), hidden: 1 };
    Channel::of_moduli(degree, &[t], &primes, sizes).unwrap().remove(0)
}

/// Ring degree, bits of the plaintext modulus, bits of the primes.
const CASES: [(usize, usize, &[usize]); 9] = [
    (64, 17, &[24, 50, 31]),
    (64, 23, &[50, 33, 24, 40]),
    (256, 49, &[50, 50]),
    (4096, 17, &[36, 36, 37]),
    (4096, 30, &[45, 31, 33]),
    (8192, 31, &[48, 48, 48, 32]),
    (8192, 49, &[50, 50, 50, 50]),
    (8192, 20, &[25, 50, 47, 50]),
    (16_384, 41, &[50, 47, 50, 45, 42]),
];

/// Values for all slots, for some, and the extremes.
fn inputs(parameters: &BfvParameters, rng: &mut StdRng) -> Vec<Vec<u64>> {
    let (degree, t) = (parameters.degree(), parameters.plaintext());
    let mut random = |count| (0..count).map(|_| rng.random_range(0..t)).collect();
    vec![random(degree), random(degree / 2 + 3), vec![t - 1; degree], vec![0, t - 1, 1], vec![]]
}

fn plaintext(values: &[u64], parameters: &Arc<BfvParameters>) -> Plaintext {
    Plaintext::try_encode(values, Encoding::simd(), parameters).unwrap()
}

fn residues(ciphertext: &Ciphertext) -> [Vec<u64>; 2] {
    [0, 1].map(|part| ciphertext[part].coefficients().iter().copied().collect())
}

/// The seed of the second polynomial.
fn seed(ciphertext: &Ciphertext) -> Seed {
    fhe::proto::bfv::Ciphertext::from(ciphertext).seed.try_into().unwrap()
}

#[test]
fn secret_key_ciphertexts_equal_those_of_fhe() {
    for (degree, t_bits, sizes) in CASES {
        let channel = channel(degree, t_bits, sizes, 0);
        let parameters = channel.inner();
        let mut rng = StdRng::seed_from_u64(degree as u64);
        let key = SecretKey::random(parameters, &mut rng);
        let encryption = SecretKeyEncryption::new(&channel, &key).unwrap();
        let mut buffers = EncryptionBuffers::new(degree);
        for values in inputs(parameters, &mut rng) {
            let samples = rng.clone();
            let theirs = key.try_encrypt(&plaintext(&values, parameters), &mut rng).unwrap();
            let mut ours = [(); 2].map(|()| vec![0; degree * sizes.len()]);
            let [first, second] = &mut ours;
            encryption
                .encrypt(&values, &seed(&theirs), &mut samples.clone(), &mut buffers, first, second)
                .unwrap();
            assert!(ours == residues(&theirs), "N = {degree}, t of {t_bits} bits, primes {sizes:?}");
        }
    }
}

#[test]
fn public_key_ciphertexts_equal_those_of_fhe_switched_down() {
    for (degree, t_bits, sizes) in CASES {
        let channel = channel(degree, t_bits, sizes, 1);
        let parameters = channel.inner();
        let mut rng = StdRng::seed_from_u64(degree as u64);
        let secret = SecretKey::random(parameters, &mut rng);
        let key = PublicKey::new(&secret, &mut rng);
        let encryption = PublicKeyEncryption::new(&channel, &key).unwrap();
        let mut buffers = EncryptionBuffers::new(degree);
        for values in inputs(parameters, &mut rng) {
            let samples = rng.clone();
            let mut theirs = key.try_encrypt(&plaintext(&values, parameters), &mut rng).unwrap();
            theirs.switch_to_level(1).unwrap();
            let mut ours = [(); 2].map(|()| vec![0; degree * (sizes.len() - 1)]);
            let [first, second] = &mut ours;
            encryption.encrypt(&values, &mut samples.clone(), &mut buffers, first, second).unwrap();
            assert!(ours == residues(&theirs), "N = {degree}, t of {t_bits} bits, primes {sizes:?}");
        }
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let channel = channel(64, 17, &[40, 40], 0);
    let rng = &mut StdRng::seed_from_u64(1);
    let secret = SecretKey::random(channel.inner(), rng);
    let encryption = SecretKeyEncryption::new(&channel, &secret).unwrap();
    let t = channel.plaintext_modulus();
    let mut buffers = EncryptionBuffers::new(64);
    let mut encrypt = |values: &[u64]| {
        encryption
            .encrypt(values, &[7; 32], rng, &mut buffers, &mut vec![0; 128], &mut vec![0; 128])
            .unwrap_err()
    };
    for value in [t, t + 1, 1 << 63, (1 << 63) + 1, u64::MAX] {
        assert!(matches!(encrypt(&[0, value, 1]), EncryptionError::Value { modulus } if modulus == t));
    }
    assert!(matches!(encrypt(&[0; 65]), EncryptionError::Slots { found: 65, slots: 64 }));
}

/// Decrypts with `fhe`, and measures the noise with `fhe`.
fn decrypted_by_fhe(key: &SecretKey, ciphertext: &Ciphertext) -> (Vec<u64>, usize) {
    let decrypted = key.try_decrypt(ciphertext).unwrap();
    let values = Vec::<u64>::try_decode(&decrypted, Encoding::simd()).unwrap();
    // SAFETY: the noise of a test is not secret.
    #[allow(unsafe_code)]
    (values, unsafe { key.measure_noise(ciphertext).unwrap() })
}

#[test]
fn values_and_noise_equal_those_of_fhe_at_every_level() {
    for (degree, t_bits, sizes) in [
        (64, 17, &[24, 50, 31][..]),
        (64, 23, &[50, 50]),
        (4096, 30, &[45, 31, 33]),
        (8192, 31, &[48, 48, 48]),
    ] {
        let channel = channel(degree, t_bits, sizes, 0);
        let parameters = channel.inner();
        let rng = &mut StdRng::seed_from_u64(degree as u64);
        let key = Arc::new(SecretKey::random(parameters, rng));
        for values in inputs(parameters, rng) {
            let mut ciphertext: Ciphertext = key.try_encrypt(&plaintext(&values, parameters), rng).unwrap();
            for level in 0..sizes.len() {
                ciphertext.switch_to_level(level).unwrap();
                let decryption = Decryption::new(&channel, &key, Level::after_dropping(level)).unwrap();
                let ours = decryption.decrypt(&ciphertext).unwrap();
                let (theirs, noise_bits) = decrypted_by_fhe(&key, &ciphertext);
                assert!(ours.values == theirs);
                assert_eq!(ours.noise_bits, noise_bits, "N = {degree}, primes {sizes:?}, level {level}");
                // Noise of every size, up to exhaustion.
                let mut noisy = ciphertext.clone();
                for _ in 0..7 {
                    noisy = &(&noisy + &noisy) + &noisy;
                    for _ in 0..6 {
                        noisy = &noisy + &noisy;
                    }
                    let ours = decryption.decrypt(&noisy).unwrap();
                    let (theirs, noise_bits) = decrypted_by_fhe(&key, &noisy);
                    assert!(ours.values == theirs);
                    assert_eq!(ours.noise_bits, noise_bits);
                }
            }
        }
    }
}

#[test]
fn ciphertexts_of_another_level_are_refused() {
    let channel = channel(64, 17, &[40, 40], 0);
    let rng = &mut StdRng::seed_from_u64(1);
    let key = Arc::new(SecretKey::random(channel.inner(), rng));
    let ciphertext: Ciphertext = key.try_encrypt(&plaintext(&[1], channel.inner()), rng).unwrap();
    let error = Decryption::new(&channel, &key, Level::after_dropping(1))
        .unwrap()
        .decrypt(&ciphertext)
        .err()
        .unwrap();
    assert!(matches!(error, EncryptionError::Ciphertext { parts: 2, primes: 2, needed: 1 }));
}
