using System.IO;
using System.Text;

namespace Rl.Cli.Reports;

/// <summary>The style sheet and the scripts of pages, which lie within the command.</summary>
internal static class PageResources
{
    /// <summary>The curves.</summary>
    public static string Charts => Read("scales.js") + Read("chart.js") + Read("charts.js");

    /// <summary>How pages look.</summary>
    public static string Style => Read("page.css");

    /// <summary>A resource of the folder Pages, with the same line ends on every machine.</summary>
    public static string Read(string name)
    {
        using var stream = typeof(PageResources).Assembly.GetManifestResourceStream($"Rl.Cli.Pages.{name}")
            ?? throw new FileNotFoundException($"The resource Pages/{name} is missing.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
