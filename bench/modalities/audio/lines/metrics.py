"""Registry lines of the metrics of audio: of clips, rates and costs."""

from __future__ import annotations

from functools import partial

from bench.registry import Entry
from bench.values import FROM_ZERO, PlotPart, Tolerance, Value

_entry = partial(Entry, modality="audio")
_dnsmos = partial(Value, unit="MOS", higher_is_better=True)
_errors = partial(Value, bounds=FROM_ZERO, percent=True)
_purity = partial(Value, higher_is_better=True, bounds=(0.0, 1.0), tolerance=Tolerance(0.002))
_rate = partial(Value, bounds=FROM_ZERO, section="rate", shown_unit="")
_time = partial(
    Value, unit="s/s", higher_is_better=False, bounds=FROM_ZERO, device_bound=True, section="cost", shown_unit=""
)

DNSMOS: tuple[Value, ...] = (
    _dnsmos("dnsmos_ovrl", "DNSMOS"),
    _dnsmos("dnsmos_sig", "DNSMOS (signal)", default=False),
    _dnsmos("dnsmos_bak", "DNSMOS (background)", default=False),
    _dnsmos("dnsmos_p808", "DNSMOS (P.808)", default=False),
)
SPEAKER_SIMILARITY = Value(
    "speaker_similarity", "Speaker similarity", "", True, (-1.0, 1.0), tolerance=Tolerance(0.001)
)

ENTRIES: tuple[Entry, ...] = (
    _entry(
        "pesq_wb",
        "bench.modalities.audio.metrics.pesq:PESQWide",
        "Wide-band PESQ at 16 kHz",
        source="ITU-T P.862.2; equal to pesq's",
        extra="audio",
        values=(Value("pesq_wb", "PESQ (wb)", "MOS", True, (1.0, 5.0)),),
    ),
    _entry(
        "pesq_nb",
        "bench.modalities.audio.metrics.pesq:PESQNarrow",
        "Narrow-band PESQ",
        source="ITU-T P.862 and P.862.1; equal to pesq's",
        extra="audio",
        values=(Value("pesq_nb", "PESQ (nb)", "MOS", True, (0.999, 4.999), default=False),),
    ),
    _entry(
        "stoi",
        "bench.modalities.audio.metrics.stoi:STOI",
        "Short-time objective intelligibility and its extension",
        source="Taal et al. 2011, Jensen & Taal 2016; equal to pystoi's",
        extra="audio",
        values=(
            Value("stoi", "STOI", "", True, (-1.0, 1.0), tolerance=Tolerance(0.001)),
            Value("estoi", "ESTOI", "", True, (-1.0, 1.0), default=False, tolerance=Tolerance(0.001)),
        ),
    ),
    _entry(
        "visqol",
        "bench.modalities.audio.metrics.visqol:ViSQOL",
        "ViSQOL v3, speech or audio mode",
        source="Chinen et al. 2020, arXiv:2004.09584; visqol-python",
        license="Apache-2.0",
        extra="audio",
        values=(Value("visqol", "ViSQOL", "MOS", True, (1.0, 5.0)),),
    ),
    _entry(
        "dnsmos",
        "bench.modalities.audio.metrics.dnsmos:DNSMOS",
        "DNSMOS P.835 and P.808 of the reconstruction, without the reference",
        source="Reddy et al. 2022, arXiv:2110.01763; speechmos",
        license="MIT",
        extra="audio",
        values=DNSMOS,
    ),
    _entry(
        "mel_distance",
        "bench.modalities.audio.metrics.spectral:MelDistance",
        "Multi-scale mel distance",
        source="Kumar et al. 2023, arXiv:2306.06546; audiotools' MelSpectrogramLoss",
        extra="audio",
        values=(Value("mel_distance", "Mel distance", "", False, FROM_ZERO),),
    ),
    _entry(
        "stft_distance",
        "bench.modalities.audio.metrics.spectral:STFTDistance",
        "Multi-scale STFT distance",
        source="Kumar et al. 2023, arXiv:2306.06546; audiotools' MultiScaleSTFTLoss",
        values=(Value("stft_distance", "STFT distance", "", False, FROM_ZERO, default=False),),
    ),
    _entry(
        "si_sdr",
        "bench.modalities.audio.metrics.si_sdr:SISDR",
        "Scale-invariant signal-to-distortion ratio, delays uncompensated",
        source="Le Roux et al. 2019, arXiv:1811.02508; equal to torchmetrics', up to one step of 16 bits",
        values=(Value("si_sdr", "SI-SDR", "dB", True, default=False),),
    ),
    _entry(
        "si_sdr_aligned",
        "bench.modalities.audio.metrics.si_sdr:AlignedSISDR",
        "Scale-invariant signal-to-distortion ratio after taking back the delay",
        source="Le Roux et al. 2019, arXiv:1811.02508; up to one step of 16 bits",
        values=(Value("si_sdr_aligned", "SI-SDR (aligned)", "dB", True, default=False),),
    ),
    _entry(
        "delay",
        "bench.modalities.audio.metrics.si_sdr:Delay",
        "Delay of the reconstruction, for which the ratio is highest",
        source="argmax of the squared correlation coefficient",
        values=(Value("delay", "Delay", "ms", None, default=False),),
    ),
    _entry(
        "speaker_similarity",
        "bench.modalities.audio.metrics.speaker:SpeakerSimilarity",
        "Cosine of GE2E speaker embeddings",
        source="Wan et al. 2018, arXiv:1710.10467; Resemblyzer's weights",
        license="Apache-2.0",
        extra="audio",
        values=(SPEAKER_SIMILARITY,),
    ),
    _entry(
        "word_errors",
        "bench.modalities.audio.metrics.word_errors:WordErrors",
        "Word and character error rate of a recognizer on the reconstruction, on the original, and between the two",
        source="equal to jiwer's over the whole set; bench list recognizers",
        extra="audio",
        values=(
            _errors("wer", "WER", higher_is_better=False, tolerance=Tolerance(0.002)),
            _errors("cer", "CER", higher_is_better=False, default=False, tolerance=Tolerance(0.002)),
            _errors("dwer", "dWER", higher_is_better=False, tolerance=Tolerance(0.002)),
            _errors("wer_original", "WER (original)", default=False),
            _errors("cer_original", "CER (original)", default=False),
        ),
    ),
    _entry(
        "phone_purity",
        "bench.modalities.audio.metrics.phone_purity:PhonePurity",
        "What codes know of phones: purities and mutual information against the transcript, aligned by pocketsphinx",
        source="Hsu et al. 2021, arXiv:2106.07447; equal to scikit-learn's over the aligned phones",
        extra="audio",
        values=(
            _purity("phone_purity", "Phone purity"),
            _purity("cluster_purity", "Cluster purity"),
            _purity("pnmi", "PNMI"),
        ),
    ),
    _entry(
        "tokens_per_second",
        "bench.modalities.audio.metrics.rates:TokensPerSecond",
        "Codes per second as the codebooks declare, or latent vectors counted",
        values=(_rate("tokens_per_second", "Tokens/s", "tokens/s"),),
    ),
    _entry(
        "bitrate",
        "bench.modalities.audio.metrics.rates:Bitrate",
        "Nominal rate: frame rate x books x bits; a codec's setting",
        values=(_rate("bitrate", "kbit/s", "kbit/s", plots=(PlotPart("rate"),)),),
    ),
    _entry(
        "bitrate_entropy",
        "bench.modalities.audio.metrics.rates:EntropyBitrate",
        "Rate after ideal first-order entropy coding of each level",
        values=(_rate("bitrate_entropy", "kbit/s (entropy)", "kbit/s", default=False, plots=(PlotPart("rate"),)),),
    ),
    _entry(
        "bitrate_file",
        "bench.modalities.audio.metrics.rates:FileBitrate",
        "Bytes that a codec wrote",
        values=(_rate("bitrate_file", "kbit/s (file)", "kbit/s"),),
    ),
    _entry(
        "real_time_factor",
        "bench.modalities.audio.metrics.rates:RealTimeFactor",
        "Seconds to encode and to decode a second of audio, warm; global and mean of clips",
        values=(
            _time("encode_rtf", "Encode (RTF)", plots=(PlotPart("speed", "Encode time"),)),
            _time("decode_rtf", "Decode (RTF)", plots=(PlotPart("speed", "Decode time"),)),
            _time("encode_rtf_clip_mean", "Encode (RTF, mean of clips)", default=False),
            _time("decode_rtf_clip_mean", "Decode (RTF, mean of clips)", default=False),
        ),
    ),
)
