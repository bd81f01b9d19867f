// The gallery of docs/environments.md, from the registry: a table of every environment, and a short animation of each
// one that can be looked at. `dotnet run -c Release --project samples/Gallery -- docs` writes both; `--quick` draws one
// frame of each and checks that docs is up to date.
using System;
using System.IO;
using System.Linq;
using Rl;
using Rl.Rendering;
using Rl.Samples;

switch (args)
{
    case ["--quick"]:
        return Check();
    case [] or [_] when !args.Any(argument => argument.StartsWith('-')):
        Write(args.FirstOrDefault() ?? "artifacts");
        return 0;
    default:
        Console.Error.WriteLine(
            "The argument is the folder to write to, usually docs, or --quick to check that docs is up to date.");
        return 2;
}

static void Write(string folder)
{
    var newest = Environments.Ids.Select(Page.Newest).Distinct();
    foreach (var environment in newest.Select(Environments.Make).Where(environment => environment.CanRender))
    {
        var path = Path.Combine(folder, Page.Picture(environment.Id));
        Film.Save(environment, path);
        Console.WriteLine($"{path}: {new FileInfo(path).Length / 1024.0:0} KiB");
    }

    var page = Path.Combine(folder, Page.Name);
    File.WriteAllText(page, Page.Text());
    Console.WriteLine(page);
}

static int Check()
{
    var ids = Environments.Ids.Where(id => Environments.Make(id).CanRender).ToList();
    foreach (var id in ids)
    {
        Picture.Draw(Environments.Make(id).PlayAtRandom().First().Scene)
            .SavePng(Path.Combine("artifacts", "environments", $"{Page.FileName(id)}.png"));
    }

    Console.WriteLine($"{ids.Count} environments drawn to artifacts/environments");
    var page = Path.Combine("docs", Page.Name);
    var missing = ids.Select(id => Path.Combine("docs", Page.Picture(id))).Where(path => !File.Exists(path)).ToList();
    if (!File.Exists(page) || File.ReadAllText(page) != Page.Text() || missing.Count > 0)
    {
        Console.Error.WriteLine(
            $"{page} is out of date{string.Concat(missing.Select(path => $"; {path} is missing"))}.");
        Console.Error.WriteLine("Write it again with: dotnet run -c Release --project samples/Gallery -- docs");
        return 1;
    }

    Console.WriteLine($"{page} is up to date");
    return 0;
}
