using System;

namespace Rl.Data;

/// <summary>Decodes a JPEG file.</summary>
/// <param name="file">The file's bytes.</param>
/// <param name="channels">1 for grey, 3 for red, green and blue.</param>
/// <param name="pixels">Receives rows of columns of channels.</param>
/// <remarks>Pixels that went through JPEG are no longer those that were recorded: the format is lossy.</remarks>
public delegate void JpegDecoder(ReadOnlySpan<byte> file, int channels, Span<byte> pixels);
