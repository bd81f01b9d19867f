using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Rl.Tools.DocsSite;

/// <summary>Pages that show sources, where pages of documentation link to them.</summary>
internal static class SourcePages
{
    private static readonly string[] Built = ["bin", "obj", "TestResults"];

    /// <summary>The page of a file: its text.</summary>
    /// <param name="repository">The folder of the repository.</param>
    /// <param name="file">The file's path in it.</param>
    public static string OfFile(string repository, string file)
    {
        var text = File.ReadAllText(Path.Combine(repository, file));
        var fence = text.Contains("```", StringComparison.Ordinal) ? "~~~~~~" : "```";
        return $"{Head(file)}{fence}{Language(file)}\n{text.TrimEnd()}\n{fence}\n";
    }

    /// <summary>The page of a folder: links to its files.</summary>
    /// <param name="repository">The folder of the repository.</param>
    /// <param name="folder">The folder's path in it.</param>
    /// <param name="files">Its files, as paths in the repository.</param>
    public static string OfFolder(string repository, string folder, out IReadOnlyList<string> files)
    {
        files =
        [
            .. Directory.EnumerateFiles(Path.Combine(repository, folder), "*", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(repository, path).Replace('\\', '/'))
                .Where(file => !file.Split('/').Intersect(Built).Any() && Language(file).Length > 0)
                .Order(StringComparer.Ordinal),
        ];
        var here = SitePaths.OfSource(folder, isFolder: true);
        string Link(string file) => SitePaths.Relative(here, SitePaths.OfSource(file, isFolder: false));
        var links = files.Select(file => $"- [{file[(folder.Length + 1)..]}]({Link(file)})");
        return $"{Head(folder)}{string.Join('\n', links)}\n";
    }

    private static string Head(string path) => $"---\n_noindex: true\ntitle: {path}\n---\n# {path}\n\n";

    private static string Language(string file) => Path.GetExtension(file) switch
    {
        ".fs" => "fsharp",
        ".cs" => "csharp",
        ".sh" => "bash",
        ".json" => "json",
        ".props" or ".targets" or ".csproj" or ".fsproj" => "xml",
        ".js" => "javascript",
        ".html" => "html",
        ".md" => "markdown",
        ".yaml" => "yaml",
        ".txt" => "text",
        _ => "",
    };
}
