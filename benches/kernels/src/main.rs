//! Compute kernels, timed from inside: prints `NAME NANOSECONDS` for one turn of each, the best of several.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

/// Turns of each kernel; the best one counts.
const TURNS: usize = 5;

fn main() {
    let kernels: [(&str, fn() -> u64); 8] = [
        ("nbody", nbody),
        ("matmul", matmul),
        ("sha256", sha256),
        ("json", json),
        ("sieve", sieve),
        ("fib", || fib(black_box(32))),
        ("sort", sort),
        ("sum", sum),
    ];
    for (name, kernel) in kernels {
        let best = (0..TURNS).map(|_| {
            let begin = Instant::now();
            black_box(kernel());
            begin.elapsed().as_nanos()
        });
        println!("{name} {}", best.min().unwrap_or_default());
    }
}

/// Pseudo-random numbers, the same everywhere.
fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

fn nbody() -> u64 {
    let mut bodies = [[0.0_f64; 7]; 5];
    let mut seed = 42;
    for body in &mut bodies {
        for value in body.iter_mut() {
            *value = (random(&mut seed) % 1000) as f64 / 100.0;
        }
        body[6] += 1.0;
    }
    for _ in 0..black_box(100_000) {
        for i in 0..bodies.len() {
            for j in i + 1..bodies.len() {
                let d: [f64; 3] = std::array::from_fn(|k| bodies[i][k] - bodies[j][k]);
                let square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + 0.01;
                let pull = 0.0001 / (square * square.sqrt());
                let (mi, mj) = (bodies[i][6], bodies[j][6]);
                for k in 0..3 {
                    bodies[i][k + 3] -= d[k] * mj * pull;
                    bodies[j][k + 3] += d[k] * mi * pull;
                }
            }
        }
        for body in &mut bodies {
            for k in 0..3 {
                body[k] += 0.0001 * body[k + 3];
            }
        }
    }
    bodies[0][0].to_bits()
}

fn matmul() -> u64 {
    const N: usize = 192;
    let a: Vec<f32> = (0..N * N).map(|i| (i % 13) as f32).collect();
    let b: Vec<f32> = (0..N * N).map(|i| (i % 7) as f32).collect();
    let mut c = vec![0.0_f32; N * N];
    for i in 0..N {
        for k in 0..N {
            let factor = a[i * N + k];
            let (row, source) = (&mut c[i * N..(i + 1) * N], &b[k * N..(k + 1) * N]);
            for (to, from) in row.iter_mut().zip(source) {
                *to += factor * from;
            }
        }
    }
    u64::from(black_box(c)[N + 1].to_bits())
}

fn sha256() -> u64 {
    const K: [u32; 64] = {
        // The fractional parts of the cube roots of the first 64 primes (FIPS 180-4, section 4.2.2).
        [
            0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
            0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
            0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
            0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
            0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
            0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
            0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
            0xc67178f2,
        ]
    };
    let data: Vec<u8> = (0..1 << 20).map(|i: u32| (i % 251) as u8).collect();
    let mut state: [u32; 8] =
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
    for block in black_box(&data).chunks_exact(64) {
        let mut w = [0_u32; 64];
        for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for i in 16..64 {
            let s0 = w[i - 15].rotate_right(7) ^ w[i - 15].rotate_right(18) ^ (w[i - 15] >> 3);
            let s1 = w[i - 2].rotate_right(17) ^ w[i - 2].rotate_right(19) ^ (w[i - 2] >> 10);
            w[i] = w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1);
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for i in 0..64 {
            let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let t1 = h.wrapping_add(s1).wrapping_add((e & f) ^ (!e & g)).wrapping_add(K[i]).wrapping_add(w[i]);
            let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let t2 = s0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(t1), c, b, a, t1.wrapping_add(t2));
        }
        for (s, v) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *s = s.wrapping_add(v);
        }
    }
    u64::from(state[0])
}

/// A value of JSON.
enum Json {
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

fn json() -> u64 {
    let mut text = String::from("[");
    for i in 0..2000 {
        text.push_str(&format!("{{\"id\":{i},\"name\":\"item {i}\",\"values\":[{},{}.5]}},", i * 7, i));
    }
    text.push_str("0]");
    let mut at = 0;
    let value = parse(black_box(text.as_bytes()), &mut at);
    weigh(&value)
}

fn parse(text: &[u8], at: &mut usize) -> Json {
    match text[*at] {
        b'[' | b'{' => {
            let object = text[*at] == b'{';
            *at += 1;
            let (mut list, mut map) = (Vec::new(), BTreeMap::new());
            while !matches!(text[*at], b']' | b'}') {
                let item = parse(text, at);
                if let (true, Json::Text(key)) = (object, &item) {
                    *at += 1;
                    map.insert(key.clone(), parse(text, at));
                } else {
                    list.push(item);
                }
                if text[*at] == b',' {
                    *at += 1;
                }
            }
            *at += 1;
            if object { Json::Object(map) } else { Json::List(list) }
        }
        b'"' => {
            let start = *at + 1;
            *at = start;
            while text[*at] != b'"' {
                *at += 1;
            }
            *at += 1;
            Json::Text(String::from_utf8_lossy(&text[start..*at - 1]).into_owned())
        }
        _ => {
            let start = *at;
            while matches!(text[*at], b'0'..=b'9' | b'.' | b'-') {
                *at += 1;
            }
            Json::Number(std::str::from_utf8(&text[start..*at]).ok().and_then(|n| n.parse().ok()).unwrap_or_default())
        }
    }
}

fn weigh(value: &Json) -> u64 {
    match value {
        Json::Number(n) => *n as u64,
        Json::Text(text) => text.len() as u64,
        Json::List(items) => items.iter().map(weigh).sum(),
        Json::Object(fields) => fields.iter().map(|(key, value)| key.len() as u64 + weigh(value)).sum(),
    }
}

fn sieve() -> u64 {
    let limit = black_box(2_000_000_usize);
    let mut prime = vec![true; limit];
    let mut count = 0;
    for i in 2..limit {
        if prime[i] {
            count += 1;
            // The square of a large one does not fit into the 32 bits that a guest counts with.
            for multiple in (i.checked_mul(i).unwrap_or(limit)..limit).step_by(i) {
                prime[multiple] = false;
            }
        }
    }
    count
}

fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

fn sort() -> u64 {
    let mut seed = 7;
    let mut values: Vec<u64> = (0..200_000).map(|_| random(&mut seed)).collect();
    values.sort_unstable();
    values[1000]
}

fn sum() -> u64 {
    let bytes: Vec<u8> = (0..1 << 20).map(|i: u32| (i % 255) as u8).collect();
    (0..64).map(|_| black_box(&bytes).iter().map(|b| u64::from(*b)).sum::<u64>()).sum()
}
