//! The wire format of protocol buffers, as far as the few messages of an exposition need it
//! (<https://protobuf.dev/programming-guides/encoding/>).

/// One message: its fields one behind the other.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

/// The kinds of fields that we write.
const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;

impl Message {
    pub(super) fn varint(&mut self, field: u64, value: u64) {
        push_varint(&mut self.0, field << 3 | VARINT);
        push_varint(&mut self.0, value);
    }

    /// `sint32` and `sint64`: small negative numbers stay short.
    pub(super) fn zigzag(&mut self, field: u64, value: i64) {
        self.varint(field, zigzag(value));
    }

    /// Many of them in one field, as proto3 packs them and every proto2 reader takes them.
    pub(super) fn packed_zigzag(&mut self, field: u64, values: &[i64]) {
        let mut packed = Vec::with_capacity(values.len());
        values.iter().for_each(|value| push_varint(&mut packed, zigzag(*value)));
        self.bytes(field, &packed);
    }

    pub(super) fn double(&mut self, field: u64, value: f64) {
        push_varint(&mut self.0, field << 3 | FIXED_64);
        self.0.extend(value.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, field: u64, bytes: &[u8]) {
        push_varint(&mut self.0, field << 3 | LENGTH_DELIMITED);
        push_varint(&mut self.0, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend(bytes);
    }

    pub(super) fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    /// The message behind its length.
    pub(super) fn delimited(&self, out: &mut Vec<u8>) {
        push_varint(out, u64::try_from(self.0.len()).unwrap_or(u64::MAX));
        out.extend(&self.0);
    }
}

const fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_examples_of_the_specification() {
        let mut message = Message::default();
        message.varint(1, 150);
        message.bytes(2, b"testing");
        assert_eq!(message.0, b"\x08\x96\x01\x12\x07testing");
        let mut outer = Message::default();
        outer.message(3, &message);
        assert_eq!(outer.0, [b"\x1a\x0c", &message.0[..]].concat());
        let mut delimited = Vec::new();
        message.delimited(&mut delimited);
        assert_eq!(delimited, [b"\x0c", &message.0[..]].concat());
        for (value, expected) in
            [(0, 0), (-1, 1), (1, 2), (-2, 3), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)]
        {
            assert_eq!(zigzag(value), expected);
        }
        let mut numbers = Message::default();
        numbers.double(1, 1.0);
        numbers.packed_zigzag(4, &[-1, 64]);
        numbers.zigzag(15, -2);
        assert_eq!(numbers.0, b"\x09\0\0\0\0\0\0\xf0\x3f\x22\x03\x01\x80\x01\x78\x03");
    }
}
