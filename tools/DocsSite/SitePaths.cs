using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Rl.Tools.DocsSite;

/// <summary>Where a file of the repository stands in the site. All paths are relative, with '/' between their
/// parts.</summary>
internal sealed class SitePaths
{
    private const string Index = "docs/index.md";
    private static readonly string[] Assets = [".png", ".gif", ".csv", ".json"];
    private readonly Dictionary<string, string> pages;

    public SitePaths(IEnumerable<Section> sections)
    {
        pages = sections
            .SelectMany(section => section.Pages.Select(page => (page, Site: $"{section.Folder}/{Name(page)}")))
            .ToDictionary(pair => pair.page, pair => pair.Site, StringComparer.Ordinal);
        pages.Add(Index, "index.md");
    }

    /// <summary>Every page, by its path in the repository.</summary>
    public IReadOnlyDictionary<string, string> Pages => pages;

    /// <summary>Where a page, a picture or a table stands; nothing for other files, which are shown as
    /// source.</summary>
    public string? Of(string file) =>
        pages.TryGetValue(file, out var page) ? page
        : Assets.Contains(Path.GetExtension(file)) && file.StartsWith("docs/", StringComparison.Ordinal)
            ? $"files/{file["docs/".Length..]}"
            : null;

    /// <summary>The page that shows a file, or the files of a folder.</summary>
    public static string OfSource(string file, bool isFolder) =>
        isFolder ? $"source/{file}/index.md" : $"source/{file}.md";

    /// <summary>The way from a page to another file.</summary>
    public static string Relative(string fromPage, string to) =>
        Path.GetRelativePath(Path.GetDirectoryName(fromPage) is { Length: > 0 } folder ? folder : ".", to)
            .Replace('\\', '/');

    private static string Name(string page)
    {
        var name = Path.GetFileName(page);
        // Folders have readme's of their own, and the site's root has one page to begin with.
        return name != "README.md" ? name.ToLowerInvariant()
            : Path.GetDirectoryName(page) is { Length: > 0 } folder ? $"{Path.GetFileName(folder)}.md"
            : "readme.md";
    }
}
