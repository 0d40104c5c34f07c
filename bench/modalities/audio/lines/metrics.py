"""Registry lines of the metrics of audio."""

from __future__ import annotations

from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "pesq_wb",
        "bench.modalities.audio.metrics.pesq:PESQWide",
        "Wide-band PESQ at 16 kHz",
        modality="audio",
        source="ITU-T P.862.2; equal to pesq's",
        extra="audio",
    ),
    Entry(
        "pesq_nb",
        "bench.modalities.audio.metrics.pesq:PESQNarrow",
        "Narrow-band PESQ",
        modality="audio",
        source="ITU-T P.862 and P.862.1; equal to pesq's",
        extra="audio",
    ),
    Entry(
        "stoi",
        "bench.modalities.audio.metrics.stoi:STOI",
        "Short-time objective intelligibility and its extension",
        modality="audio",
        source="Taal et al. 2011, Jensen & Taal 2016; equal to pystoi's",
        extra="audio",
    ),
    Entry(
        "si_sdr",
        "bench.modalities.audio.metrics.si_sdr:SISDR",
        "Scale-invariant signal-to-distortion ratio, delays uncompensated",
        modality="audio",
        source="Le Roux et al. 2019, arXiv:1811.02508; equal to torchmetrics', up to one step of 16 bits",
    ),
    Entry(
        "si_sdr_aligned",
        "bench.modalities.audio.metrics.si_sdr:AlignedSISDR",
        "Scale-invariant signal-to-distortion ratio after taking back the delay",
        modality="audio",
        source="Le Roux et al. 2019, arXiv:1811.02508; up to one step of 16 bits",
    ),
    Entry(
        "delay",
        "bench.modalities.audio.metrics.si_sdr:Delay",
        "Delay of the reconstruction, for which the ratio is highest",
        modality="audio",
        source="argmax of the squared correlation coefficient",
    ),
    Entry(
        "stft_distance",
        "bench.modalities.audio.metrics.spectral:STFTDistance",
        "Multi-scale STFT distance",
        modality="audio",
        source="Kumar et al. 2023, arXiv:2306.06546; audiotools' MultiScaleSTFTLoss",
    ),
    Entry(
        "mel_distance",
        "bench.modalities.audio.metrics.spectral:MelDistance",
        "Multi-scale mel distance",
        modality="audio",
        source="Kumar et al. 2023, arXiv:2306.06546; audiotools' MelSpectrogramLoss",
        extra="audio",
    ),
    Entry(
        "visqol",
        "bench.modalities.audio.metrics.visqol:ViSQOL",
        "ViSQOL v3, speech or audio mode",
        modality="audio",
        source="Chinen et al. 2020, arXiv:2004.09584; visqol-python",
        license="Apache-2.0",
        extra="audio",
    ),
    Entry(
        "dnsmos",
        "bench.modalities.audio.metrics.dnsmos:DNSMOS",
        "DNSMOS P.835 and P.808 of the reconstruction, without the reference",
        modality="audio",
        source="Reddy et al. 2022, arXiv:2110.01763; speechmos",
        license="MIT",
        extra="audio",
    ),
    Entry(
        "speaker_similarity",
        "bench.modalities.audio.metrics.speaker:SpeakerSimilarity",
        "Cosine of GE2E speaker embeddings",
        modality="audio",
        source="Wan et al. 2018, arXiv:1710.10467; Resemblyzer's weights",
        license="Apache-2.0",
        extra="audio",
    ),
    Entry(
        "word_errors",
        "bench.modalities.audio.metrics.word_errors:WordErrors",
        "Word and character error rate of a recognizer on the reconstruction, on the original, and between the two",
        modality="audio",
        source="equal to jiwer's over the whole set; bench list recognizers",
        extra="audio",
    ),
    Entry(
        "tokens_per_second",
        "bench.modalities.audio.metrics.rates:TokensPerSecond",
        "Codes of a second as the codebooks declare, or latent vectors counted",
        modality="audio",
    ),
    Entry(
        "bitrate",
        "bench.modalities.audio.metrics.rates:Bitrate",
        "Nominal rate: frame rate x books x bits; a codec's setting",
        modality="audio",
    ),
    Entry(
        "bitrate_entropy",
        "bench.modalities.audio.metrics.rates:EntropyBitrate",
        "Rate after ideal first-order entropy coding of each level",
        modality="audio",
    ),
    Entry(
        "bitrate_file", "bench.modalities.audio.metrics.rates:FileBitrate", "Bytes that a codec wrote", modality="audio"
    ),
    Entry(
        "real_time_factor",
        "bench.modalities.audio.metrics.rates:RealTimeFactor",
        "Seconds of encode and of decode for a second of sound, warm; global and mean of clips",
        modality="audio",
    ),
)
