using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Rl.Cli.Reports;

/// <summary>The page of <c>rl report</c>: one file that needs neither server nor network.</summary>
internal static class ReportPage
{
    /// <summary>Starts the curves of the page.</summary>
    private const string Start =
        "RlCharts.create(document.getElementById(\"curves\"))"
        + ".update(JSON.parse(document.getElementById(\"data\").textContent));";

    /// <summary>The page of runs.</summary>
    public static string Of(RunSet set, IReadOnlyList<PageAnimation> animations, int smooth)
    {
        var (style, script) = (PageResources.Style, PageResources.Charts + Start);
        var html = new HtmlWriter();
        html.Open("header").Element("h1", set.Title).Element("p", Subtitle(set), "class", "note").Close();
        html.Open("main");
        ReportSections.Results(html, set);
        Curves(html);
        Animation(html, animations);
        ReportSections.Warnings(html, set);
        ReportSections.Options(html, set);
        ReportSections.System(html, set);
        html.Close();

        // Nothing but this style, this script and pictures within the page is let in: a text that were taken for a
        // script would not run, and nothing can leave the page.
        var policy = $"default-src 'none'; img-src data:; style-src 'sha256-{Hash(style)}'; "
            + $"script-src 'sha256-{Hash(script)}'; base-uri 'none'; form-action 'none'";
        return $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="{policy}">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <link rel="icon" href="data:,">
            <title>{HtmlWriter.Escaped(set.Title)}</title>
            <style>{style}</style>
            </head>
            <body>
            {html}<script type="application/json" id="data">{Data(set, smooth)}</script>
            <script>{script}</script>
            </body>
            </html>

            """.ReplaceLineEndings("\n");
    }

    /// <summary>The curves as JSON, in which nothing looks like the end of a script.</summary>
    public static string Data(RunSet set, int smooth)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new() { SkipValidation = false }))
        {
            ChartData.Write(writer, set, smooth);
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    private static string Subtitle(RunSet set)
    {
        var states = set.Runs.GroupBy(run => run.Run.State)
            .Select(state => set.Runs.Count() == 1
                ? ReportSections.Word(state.Key)
                : FormattableString.Invariant($"{state.Count()} {ReportSections.Word(state.Key)}"));
        var what = set.Groups
            .Select(group => $"{group.Runs[0].Configuration.Algorithm} on {group.Runs[0].Configuration.Environment}")
            .Distinct();
        return $"{string.Join(", ", what)}; {string.Join(", ", states)}";
    }

    private static void Curves(HtmlWriter html) =>
        html.Open("section", "id", "learning").Element("h2", "Curves")
            .Open("div", "id", "curves")
            .Open("noscript").Element("p", "The curves need JavaScript; all tables are without it.").Close()
            .Close()
            .Close();

    private static void Animation(HtmlWriter html, IReadOnlyList<PageAnimation> animations)
    {
        if (animations.Count == 0)
        {
            return;
        }

        html.Open("section", "id", "animation").Element("h2", "The trained agent").Open("div", "class", "animations");
        foreach (var animation in animations)
        {
            html.Open("figure");
            if (animation.Gif is { } gif)
            {
                html.Single(
                    "img", "alt", $"Animation: {animation.Caption}", "src",
                    $"data:image/gif;base64,{Convert.ToBase64String(gif)}");
            }

            html.Element("figcaption", animation.Caption).Close();
        }

        html.Close().Close();
    }

    private static string Hash(string text) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
