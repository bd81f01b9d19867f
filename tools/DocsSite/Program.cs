// Makes the documentation's site in artifacts/site: pages by section, with every link checked, the reference of the C#
// packages and of the core, and a search over all of it. The libraries are built before (`dotnet build -c Release`).
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text.Json;
using Rl.Tools.DocsSite;

var web = new JsonSerializerOptions(JsonSerializerDefaults.Web);
var repository = FindRepository();
var staged = Path.Combine(repository, "artifacts", "site-pages");
var site = Path.Combine(repository, "artifacts", "site");
var sections = JsonSerializer.Deserialize<IReadOnlyList<Section>>(Beside("sections.json"), web)!;
var wrong = new Staging(repository, staged, sections).Fill();
foreach (var line in wrong)
{
    Console.Error.WriteLine(line);
}

if (wrong.Count > 0)
{
    return 1;
}

File.WriteAllText(
    Path.Combine(staged, "docfx.json"),
    Beside("docfx.json").Replace("{repository}", Slashed(repository)).Replace("{output}", Slashed(site)));
File.WriteAllText(Path.Combine(staged, "filter.yml"), Beside("filter.yml"));
File.Copy(Path.Combine(repository, "src", "icon.png"), Path.Combine(staged, "icon.png"));
var styles = Directory.CreateDirectory(Path.Combine(staged, "template", "public")).FullName;
File.WriteAllText(Path.Combine(styles, "main.css"), Beside("main.css"));
if (Directory.Exists(site))
{
    Directory.Delete(site, recursive: true);
}

// A warning of metadata is about what libraries of others have not documented; one of pages is a fault of ours.
var failure = Docfx("metadata") is not 0 and var metadata ? metadata : Docfx("build", "--warningsAsErrors");
if (failure == 0)
{
    SearchIndex.AddKeywords(Path.Combine(site, "index.json"));
}

return failure;

int Docfx(string verb, params string[] arguments)
{
    var start = new ProcessStartInfo("dotnet") { WorkingDirectory = repository };
    string[] words = ["docfx", verb, Path.Combine(staged, "docfx.json"), "--logLevel", "warning", .. arguments];
    foreach (var argument in words)
    {
        start.ArgumentList.Add(argument);
    }

    using var process = Process.Start(start)!;
    process.WaitForExit();
    return process.ExitCode;
}

static string Slashed(string path) => path.Replace('\\', '/');

static string Beside(string file) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, file));

static string FindRepository()
{
    var folder = new DirectoryInfo(AppContext.BaseDirectory);
    while (!File.Exists(Path.Combine(folder.FullName, "Rl.sln")))
    {
        folder = folder.Parent ?? throw new DirectoryNotFoundException("This runs within the repository.");
    }

    return folder.FullName;
}
