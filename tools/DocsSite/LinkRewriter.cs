using System;
using System.Collections.Generic;
using System.IO;
using System.Text.RegularExpressions;

namespace Rl.Tools.DocsSite;

/// <summary>Turns links between files of the repository into links between pages of the site.</summary>
/// <param name="repository">The folder of the repository.</param>
/// <param name="paths">Where files stand in the site.</param>
internal sealed partial class LinkRewriter(string repository, SitePaths paths)
{
    private readonly SortedSet<string> assets = new(StringComparer.Ordinal);
    private readonly SortedSet<string> sources = new(StringComparer.Ordinal);
    private readonly List<string> broken = [];

    /// <summary>Pictures and tables that pages need.</summary>
    public IEnumerable<string> Assets => assets;

    /// <summary>Files and folders that links lead to and that are no pages.</summary>
    public IEnumerable<string> Sources => sources;

    /// <summary>Links to what is not there, as "page: link".</summary>
    public IReadOnlyList<string> Broken => broken;

    /// <summary>The text of a page with the site's links; code stays as it is.</summary>
    /// <param name="page">The page's path in the repository.</param>
    /// <param name="text">Its text.</param>
    public string Rewrite(string page, string text)
    {
        var isCode = false;
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith("```", StringComparison.Ordinal))
            {
                isCode = !isCode;
            }
            else if (!isCode)
            {
                lines[i] = Link().Replace(lines[i], link => Target(page, link.Value));
            }
        }

        return string.Join('\n', lines);
    }

    private string Target(string page, string link)
    {
        var mark = link.IndexOf('#', StringComparison.Ordinal);
        var (path, anchor) = mark < 0 ? (link, "") : (link[..mark], link[mark..]);
        if (path.Length == 0 || link.Contains("://", StringComparison.Ordinal))
        {
            return link;
        }

        var full = Path.GetFullPath(Path.Combine(repository, Path.GetDirectoryName(page)!, path));
        var file = Path.GetRelativePath(repository, full).Replace('\\', '/').TrimEnd('/');
        var isFolder = Directory.Exists(full);
        if (!isFolder && !File.Exists(full))
        {
            broken.Add($"{page}: {link}");
            return link;
        }

        var here = paths.Pages[page];
        if (paths.Of(file) is { } known)
        {
            if (!paths.Pages.ContainsKey(file))
            {
                assets.Add(file);
            }

            return SitePaths.Relative(here, known) + anchor;
        }

        if (isFolder && paths.Of($"{file}/README.md") is { } readme)
        {
            return SitePaths.Relative(here, readme);
        }

        sources.Add(file);
        return SitePaths.Relative(here, SitePaths.OfSource(file, isFolder));
    }

    [GeneratedRegex(@"(?<=\]\()[^)\s]+(?=\))|(?<=<img [^>]*src="")[^""]+(?="")")]
    private static partial Regex Link();
}
