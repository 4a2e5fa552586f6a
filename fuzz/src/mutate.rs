//! Inputs made from seeds by changes that parsers dislike; the same number gives the same inputs for ever.

/// Inputs are cut to this.
const MAX_INPUT: usize = 256 << 10;

/// A small generator (xorshift, 64 bits).
pub struct Random(u64);

impl Random {
    /// The run of this number.
    pub fn new(number: u64) -> Random {
        Random(number.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// A seed, changed one to eight times.
    pub fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.pick(seeds).to_vec();
        for _ in 0..=self.below(8) {
            self.change(&mut input, seeds);
        }
        input.truncate(MAX_INPUT);
        input
    }

    fn pick<'a>(&mut self, seeds: &'a [Vec<u8>]) -> &'a [u8] {
        let at = self.below(seeds.len());
        seeds.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    fn change(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(input.len());
        let to = (at + 1 + self.below(200)).min(input.len());
        match self.below(9) {
            0 => {
                let bit = 1_u8 << self.below(8);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= bit;
                }
            }
            1 => {
                let other = [0, 0xff, b'\n', b'\r', b'-', b'=', b'<', 0x80][self.below(8)];
                if let Some(byte) = input.get_mut(at) {
                    *byte = other;
                }
            }
            2 => drop(input.drain(at.min(to)..to)),
            3 => input.truncate(at),
            4 => {
                let copied = input.get(at..to).unwrap_or_default().to_vec();
                input.splice(at..at, copied);
            }
            5 => {
                let copied = input.get(at..to).unwrap_or_default().repeat(1 + self.below(64));
                input.extend(copied);
            }
            6 => {
                let other = self.pick(seeds);
                let from = self.below(other.len());
                let piece = other.get(from..(from + 2_000).min(other.len())).unwrap_or_default().to_vec();
                input.splice(at..at, piece);
            }
            7 => self.move_line(input, seeds),
            _ => {
                let word = WORDS[self.below(WORDS.len())];
                input.splice(at..at, word.bytes());
            }
        }
    }

    /// A line of another mail stands where a line begins: headers and boundaries meet those they were not made for.
    fn move_line(&mut self, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let other = self.pick(seeds);
        let lines: Vec<&[u8]> = other.split_inclusive(|b| *b == b'\n').collect();
        let line = lines.get(self.below(lines.len())).copied().unwrap_or_default().to_vec();
        let from = self.below(input.len());
        let at = input.iter().skip(from).position(|b| *b == b'\n').map_or(input.len(), |next| from + next + 1);
        input.splice(at..at, line);
    }
}

/// What parsers look for.
const WORDS: [&str; 18] = [
    "-----BEGIN PGP MESSAGE-----\n",
    "-----END PGP MESSAGE-----\n",
    "-----BEGIN PGP SIGNED MESSAGE-----\n",
    "-----BEGIN PGP SIGNATURE-----\n",
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
    "Hash: SHA256\n",
    "\n\n",
    "\r\n",
    "--",
    "=?utf-8?q?",
    "?=",
    "Content-Type: multipart/mixed; boundary=b\n",
    "Content-Type: message/rfc822\n\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "charset*0*=iso-2022-jp''",
    "\u{202e}\u{feff}",
    "<table><td><blockquote><pre>",
];
