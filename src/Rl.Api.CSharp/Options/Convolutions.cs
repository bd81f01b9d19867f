using System;
using System.Collections.Generic;
using Rl.Internal;

namespace Rl;

/// <summary>A layer of convolutions.</summary>
/// <param name="Channels">Output channels. At least 1.</param>
/// <param name="Kernel">The side of the square window. At least 1.</param>
/// <param name="Stride">The distance between windows. At least 1.</param>
public readonly record struct ConvolutionLayer(int Channels, int Kernel, int Stride);

/// <summary>What becomes of observations that are images, boxes of shape [channels, height, width], before the other
/// layers.</summary>
public sealed record Convolutions
{
    private readonly ValueList<ConvolutionLayer>? layers;

    private Convolutions(ValueList<ConvolutionLayer>? layers)
    {
        this.layers = layers;
    }

    /// <summary>The layers of DQN for Atari (Mnih et al. 2015) for images of at least 36 pixels a side, else the one of
    /// MinAtar (Young and Tian 2019); nothing for what is no image.</summary>
    public static Convolutions Automatic { get; } = new((ValueList<ConvolutionLayer>?)null);

    /// <summary>None: an image is a vector like any other.</summary>
    public static Convolutions None { get; } = Of();

    /// <summary>The layers; null for <see cref="Automatic"/>.</summary>
    public IReadOnlyList<ConvolutionLayer>? Layers => layers;

    /// <summary>These layers, the first next to the image. <see cref="AgentOptions.Validate"/> checks their
    /// numbers.</summary>
    public static Convolutions Of(params IEnumerable<ConvolutionLayer> layers) =>
        new(ValueList<ConvolutionLayer>.Of(layers, nameof(layers)));

    /// <summary>From text: <c>auto</c>, <c>none</c>, or layers of channels x kernel x stride such as
    /// <c>32x8x4-64x4x2</c>.</summary>
    /// <exception cref="ArgumentException">The text is none of these.</exception>
    public static Convolutions Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Convert.ParseConvolutions(nameof(Convolutions), text);
    }

    /// <summary>The text that <see cref="Parse"/> reads.</summary>
    public override string ToString() => Convert.Text(this);
}
