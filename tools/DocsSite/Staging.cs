using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace Rl.Tools.DocsSite;

/// <summary>The folder that docfx makes a site of: pages by section, tables of contents, pictures, sources.</summary>
/// <param name="repository">The folder of the repository.</param>
/// <param name="folder">The folder to fill, which is emptied first.</param>
/// <param name="sections">The parts of the site.</param>
internal sealed class Staging(string repository, string folder, IReadOnlyList<Section> sections)
{
    private readonly SitePaths paths = new(sections);

    /// <summary>Fills the folder.</summary>
    /// <returns>What is wrong: links that lead nowhere, pages that no section has.</returns>
    public IReadOnlyList<string> Fill()
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        var links = new LinkRewriter(repository, paths);
        foreach (var (page, site) in paths.Pages)
        {
            Write(site, links.Rewrite(page, Read(page)));
        }

        foreach (var asset in links.Assets)
        {
            var target = Made(paths.Of(asset)!);
            File.Copy(Path.Combine(repository, asset), target);
        }

        WriteSources(links.Sources);
        foreach (var section in sections)
        {
            var items = section.Pages.Select(page =>
                $"- name: {Quoted(Title(page))}\n  href: {Path.GetFileName(paths.Pages[page])}\n");
            Write($"{section.Folder}/toc.yml", string.Concat(items));
        }

        var bar = sections.Select(section => $"- name: {section.Name}\n  href: {section.Folder}/\n");
        const string References = "- name: C# reference\n  href: api/\n- name: F# reference\n  href: core/\n";
        Write("toc.yml", string.Concat(bar) + References);
        return [.. links.Broken.Select(link => $"broken link: {link}"), .. Forgotten(), .. InOnePlace()];
    }

    private IEnumerable<string> InOnePlace() =>
        paths.Pages.GroupBy(page => page.Value, page => page.Key, StringComparer.Ordinal)
            .Where(pages => pages.Count() > 1)
            .Select(pages => $"{string.Join(" and ", pages)} would both be {pages.Key}; give one another name");

    private IEnumerable<string> Forgotten() =>
        Directory.EnumerateFiles(Path.Combine(repository, "docs"), "*.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(repository, path).Replace('\\', '/'))
            // Tables that benchmarks write have no title: pages hold copies of them.
            .Where(page => !paths.Pages.ContainsKey(page) && Read(page).StartsWith("# ", StringComparison.Ordinal))
            .Select(page => $"{page} is in no section of tools/DocsSite/sections.json");

    private void WriteSources(IEnumerable<string> sources)
    {
        var files = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var source in sources)
        {
            if (Directory.Exists(Path.Combine(repository, source)))
            {
                Write(
                    SitePaths.OfSource(source, isFolder: true),
                    SourcePages.OfFolder(repository, source, out var within));
                files.UnionWith(within);
            }
            else
            {
                files.Add(source);
            }
        }

        foreach (var file in files)
        {
            Write(SitePaths.OfSource(file, isFolder: false), SourcePages.OfFile(repository, file));
        }
    }

    private string Title(string page) =>
        Read(page).Split('\n').First(line => line.StartsWith("# ", StringComparison.Ordinal))[2..].Replace("`", "");

    private static string Quoted(string text) => $"\"{text.Replace("\"", "\\\"")}\"";

    private string Read(string page) => File.ReadAllText(Path.Combine(repository, page));

    private void Write(string path, string text) => File.WriteAllText(Made(path), text);

    private string Made(string path)
    {
        var full = Path.Combine(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        return full;
    }
}
