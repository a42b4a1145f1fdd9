//! [`GuestMemory`]: a guest's linear memory, every access checked against its bounds.

use super::errno::Errno;

/// Buffers of one vectored read or write, as `IOV_MAX`.
const MAX_IOVECS: u32 = 1024;

/// Bytes of a path, as `PATH_MAX`.
const MAX_PATH: u32 = 4096;

/// A guest's linear memory during one call.
#[derive(Debug)]
pub(super) struct GuestMemory<'a>(&'a mut [u8]);

/// A buffer in the guest's memory, within its bounds when it was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffer {
    pub(super) address: u32,
    pub(super) len: u32,
}

impl<'a> GuestMemory<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self(bytes)
    }

    /// `len` bytes at `address`.
    pub(super) fn bytes(&self, address: u32, len: u32) -> Result<&[u8], Errno> {
        let start = address as usize;
        let end = start.checked_add(len as usize).ok_or(Errno::FAULT)?;
        self.0.get(start..end).ok_or(Errno::FAULT)
    }

    /// `len` bytes at `address`, to be written.
    pub(super) fn bytes_mut(&mut self, address: u32, len: u32) -> Result<&mut [u8], Errno> {
        let start = address as usize;
        let end = start.checked_add(len as usize).ok_or(Errno::FAULT)?;
        self.0.get_mut(start..end).ok_or(Errno::FAULT)
    }

    /// A path of the guest.
    pub(super) fn path(&self, address: u32, len: u32) -> Result<&str, Errno> {
        if len > MAX_PATH {
            return Err(Errno::NAME_TOO_LONG);
        }
        let path = std::str::from_utf8(self.bytes(address, len)?).map_err(|_| Errno::ILLEGAL_BYTE_SEQUENCE)?;
        if path.contains('\0') {
            return Err(Errno::INVALID);
        }
        Ok(path)
    }

    /// Stores bytes.
    pub(super) fn store(&mut self, address: u32, bytes: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::FAULT)?;
        self.bytes_mut(address, len)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn store_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.store(address, &value.to_le_bytes())
    }

    pub(super) fn store_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.store(address, &value.to_le_bytes())
    }

    fn array<const N: usize>(&self, address: u32) -> Result<[u8; N], Errno> {
        let start = address as usize;
        let bytes = self.0.get(start..).and_then(<[u8]>::first_chunk).ok_or(Errno::FAULT)?;
        Ok(*bytes)
    }

    pub(super) fn load_u8(&self, address: u32) -> Result<u8, Errno> {
        Ok(u8::from_le_bytes(self.array(address)?))
    }

    pub(super) fn load_u16(&self, address: u32) -> Result<u16, Errno> {
        Ok(u16::from_le_bytes(self.array(address)?))
    }

    pub(super) fn load_u32(&self, address: u32) -> Result<u32, Errno> {
        Ok(u32::from_le_bytes(self.array(address)?))
    }

    pub(super) fn load_u64(&self, address: u32) -> Result<u64, Errno> {
        Ok(u64::from_le_bytes(self.array(address)?))
    }

    /// The first non-empty buffer of an array of `count` buffers (`iovec` or `ciovec`), cut to `max` bytes. All of them
    /// are checked. A short read or write is always allowed, so one buffer a call is enough.
    pub(super) fn first_buffer(&self, iovecs: u32, count: u32, max: u32) -> Result<Buffer, Errno> {
        if count > MAX_IOVECS {
            return Err(Errno::INVALID);
        }
        let mut first = Buffer { address: 0, len: 0 };
        for index in 0..count {
            let at = iovecs.checked_add(index * 8).ok_or(Errno::FAULT)?;
            let buffer = Buffer { address: self.load_u32(at)?, len: self.load_u32(at.saturating_add(4))? };
            self.bytes(buffer.address, buffer.len)?;
            if first.len == 0 {
                first = buffer;
            }
        }
        Ok(Buffer { len: first.len.min(max), ..first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_address_or_length_gets_past_the_bounds(
            bytes in proptest::collection::vec(any::<u8>(), 0..256),
            address: u32, len: u32, count: u32,
        ) {
            let mut bytes = bytes;
            let size = bytes.len() as u64;
            let mut memory = GuestMemory::new(&mut bytes);
            let inside = u64::from(address) + u64::from(len) <= size;
            prop_assert_eq!(memory.bytes(address, len).is_ok(), inside);
            prop_assert_eq!(memory.bytes_mut(address, len).is_ok(), inside);
            let _ = memory.path(address, len);
            let _ = memory.load_u64(address);
            let _ = memory.store_u64(address, 0);
            let _ = memory.first_buffer(address % 512, count, u32::MAX);
        }
    }

    #[test]
    fn a_buffer_array_takes_the_first_that_is_not_empty_and_checks_all() {
        let mut bytes = [0; 64];
        let mut memory = GuestMemory::new(&mut bytes);
        memory.store_u32(8, 32).expect("inside");
        memory.store_u32(12, 20).expect("inside");
        let buffer = memory.first_buffer(0, 2, 16).expect("valid");
        assert_eq!((buffer.address, buffer.len), (32, 16));
        memory.store_u32(20, 1000).expect("inside");
        assert_eq!(memory.first_buffer(0, 3, 16).err(), Some(Errno::FAULT));
        assert_eq!(memory.first_buffer(0, 1025, 16).err(), Some(Errno::INVALID));
    }
}
