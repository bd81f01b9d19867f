using System.Collections.Generic;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;
using Rl.Cli.Views;

namespace Rl.Cli.Reports;

/// <summary>Writes HTML in which every text is escaped.</summary>
internal sealed class HtmlWriter
{
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);
    private readonly StringBuilder html = new();
    private readonly Stack<string> open = new();

    /// <summary>Opens an element with attributes, given as names and values in turn.</summary>
    public HtmlWriter Open(string tag, params string[] attributes)
    {
        Begin(tag, attributes);
        open.Push(tag);
        return this;
    }

    /// <summary>Closes the element that was opened last.</summary>
    public HtmlWriter Close()
    {
        html.Append("</").Append(open.Pop()).Append(">\n");
        return this;
    }

    /// <summary>An element without content that HTML does not close.</summary>
    public HtmlWriter Single(string tag, params string[] attributes)
    {
        Begin(tag, attributes);
        html.Append('\n');
        return this;
    }

    /// <summary>A text; control characters are shown as their numbers.</summary>
    public HtmlWriter Text(string text)
    {
        html.Append(Escaped(text));
        return this;
    }

    /// <summary>An element of a text.</summary>
    public HtmlWriter Element(string tag, string text, params string[] attributes)
    {
        Begin(tag, attributes);
        html.Append(Escaped(text)).Append("</").Append(tag).Append(">\n");
        return this;
    }

    public override string ToString() => html.ToString();

    /// <summary>A text as HTML has it.</summary>
    public static string Escaped(string text) => Encoder.Encode(Shown.Text(text));

    private void Begin(string tag, string[] attributes)
    {
        html.Append('<').Append(tag);
        for (var index = 0; index < attributes.Length; index += 2)
        {
            html.Append(' ').Append(attributes[index]).Append("=\"").Append(Escaped(attributes[index + 1]))
                .Append('"');
        }

        html.Append('>');
    }
}
