using System;
using System.Globalization;

namespace Rl;

/// <summary>A colour with 8 bits a channel.</summary>
/// <param name="Red">0 … 255.</param>
/// <param name="Green">0 … 255.</param>
/// <param name="Blue">0 … 255.</param>
/// <param name="Alpha">255 is opaque, 0 invisible.</param>
public readonly record struct Colour(byte Red, byte Green, byte Blue, byte Alpha = 255)
{
    /// <summary>#000000.</summary>
    public static Colour Black { get; } = new(0, 0, 0);

    /// <summary>#ffffff.</summary>
    public static Colour White { get; } = new(255, 255, 255);

    /// <summary>A colour as the web writes it, for example <c>#0072b2</c> or <c>#0072b280</c> with its opacity; a text
    /// converts to a colour by this.</summary>
    /// <exception cref="FormatException">The text is not # and 6 or 8 hexadecimal digits.</exception>
    public static Colour Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length is 7 or 9
            && text[0] == '#'
            && uint.TryParse(
                text.AsSpan(1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
                ? Of(text.Length == 9 ? value : (value << 8) | 0xff)
                : throw new FormatException(
                    $"The colour is \"{text}\"; it must be # and 6 or 8 hexadecimal digits, for example #0072b2.");
    }

    /// <summary>See <see cref="Parse"/>.</summary>
    public static implicit operator Colour(string text) => Parse(text);

    /// <summary>The same colour with an opacity.</summary>
    /// <param name="opacity">In [0, 1].</param>
    public Colour WithOpacity(double opacity)
    {
        if (!(opacity >= 0 && opacity <= 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(opacity), opacity, $"opacity is {opacity}; it must be in [0, 1].");
        }

        return this with { Alpha = (byte)Math.Round(255 * opacity) };
    }

    /// <summary>For example <c>#0072b2</c>, with its opacity where it is not opaque.</summary>
    public override string ToString() =>
        Alpha == 255 ? $"#{Red:x2}{Green:x2}{Blue:x2}" : $"#{Red:x2}{Green:x2}{Blue:x2}{Alpha:x2}";

    private static Colour Of(uint value) =>
        new((byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value);
}
