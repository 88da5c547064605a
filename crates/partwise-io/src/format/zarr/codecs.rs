//! The compressions of Zarr, none of whose chunks may hold more than its array says: a few bytes can claim any number.

use std::any::Any;
use std::borrow::Cow;
use std::io::Read;
use std::sync::{Arc, Once};

use flate2::read::{GzDecoder, ZlibDecoder};
use zarrs::array::codec::api::{
    CodecRuntimePluginV2, CodecRuntimePluginV3, PartialDecoderCapability, PartialEncoderCapability,
    register_codec_v2, register_codec_v3,
};
use zarrs::array::{
    ArrayBytesRaw, BytesRepresentation, BytesToBytesCodecTraits, Codec, CodecError,
    CodecMetadataOptions, CodecOptions, CodecTraits, RecommendedConcurrency,
};
use zarrs::metadata::Configuration;
use zarrs::plugin::{ExtensionName, ZarrVersion};

/// Bytes at most where an array does not say how many there are, as of texts: so many for each that is compressed, what deflate can make
/// of them, and as many in any case.
const MOST_TIMES: u64 = 1032;
const ANY_CASE: u64 = 64 << 20;

/// Makes the codecs known to the library, once.
pub(super) fn register() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        for kind in [Kind::Gzip, Kind::Zlib, Kind::Zstd] {
            let is_in = |version| move |name: &str| name == kind.name(version);
            let codec = move || Codec::BytesToBytes(Arc::new(Compression(kind)));
            let third = CodecRuntimePluginV3::new(is_in(ZarrVersion::V3), move |_| Ok(codec()));
            let second = CodecRuntimePluginV2::new(is_in(ZarrVersion::V2), move |_| Ok(codec()));
            register_codec_v3(third);
            register_codec_v2(second);
        }
    });
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Gzip,
    Zlib,
    Zstd,
}

impl Kind {
    fn name(self, version: ZarrVersion) -> &'static str {
        match (self, version) {
            (Self::Gzip, _) => "gzip",
            (Self::Zlib, ZarrVersion::V2) => "zlib",
            // It is no codec of the specification.
            (Self::Zlib, ZarrVersion::V3) => "numcodecs.zlib",
            (Self::Zstd, _) => "zstd",
        }
    }
}

/// A compression that is only undone.
#[derive(Clone, Copy, Debug)]
struct Compression(Kind);

impl Compression {
    fn reader<'a>(&self, bytes: &'a [u8], limit: u64) -> std::io::Result<Box<dyn Read + 'a>> {
        Ok(match self.0 {
            Kind::Gzip => Box::new(GzDecoder::new(bytes)),
            Kind::Zlib => Box::new(ZlibDecoder::new(bytes)),
            Kind::Zstd => {
                /// Base 2 logarithms of what a frame may look back at: what any writer may take, and the most there is.
                const WINDOWS: (u32, u32) = (27, 31);
                let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
                let whole = limit.max(1).ilog2() + 1;
                decoder.window_log_max(whole.clamp(WINDOWS.0, WINDOWS.1))?;
                Box::new(decoder)
            }
        })
    }
}

impl ExtensionName for Compression {
    fn name(&self, version: ZarrVersion) -> Option<Cow<'static, str>> {
        Some(self.0.name(version).into())
    }
}

impl CodecTraits for Compression {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn configuration(&self, _: ZarrVersion, _: &CodecMetadataOptions) -> Option<Configuration> {
        None
    }

    fn partial_decoder_capability(&self) -> PartialDecoderCapability {
        PartialDecoderCapability {
            partial_read: false,
            partial_decode: false,
        }
    }

    fn partial_encoder_capability(&self) -> PartialEncoderCapability {
        PartialEncoderCapability {
            partial_encode: false,
        }
    }
}

impl BytesToBytesCodecTraits for Compression {
    fn into_dyn(self: Arc<Self>) -> Arc<dyn BytesToBytesCodecTraits> {
        self
    }

    fn recommended_concurrency(
        &self,
        _: &BytesRepresentation,
    ) -> Result<RecommendedConcurrency, CodecError> {
        Ok(RecommendedConcurrency::new_maximum(1))
    }

    fn encoded_representation(&self, _: &BytesRepresentation) -> BytesRepresentation {
        BytesRepresentation::UnboundedSize
    }

    fn encode<'a>(
        &self,
        _: ArrayBytesRaw<'a>,
        _: &CodecOptions,
    ) -> Result<ArrayBytesRaw<'a>, CodecError> {
        Err("Zarr is only read here".into())
    }

    fn decode<'a>(
        &self,
        encoded: ArrayBytesRaw<'a>,
        decoded: &BytesRepresentation,
        _: &CodecOptions,
    ) -> Result<ArrayBytesRaw<'a>, CodecError> {
        let inherent = (encoded.len() as u64).saturating_mul(MOST_TIMES);
        let limit = decoded.size().unwrap_or(inherent.max(ANY_CASE));
        /// Bytes that there is room for before they come.
        const ROOM: u64 = 1 << 20;
        let mut bytes = Vec::with_capacity(limit.min(ROOM) as usize);
        let reader = self.reader(&encoded, limit)?;
        reader
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(format!("a chunk holds more than the {limit} bytes that it may").into());
        }
        Ok(Cow::Owned(bytes))
    }
}
