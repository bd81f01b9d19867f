using System;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Loader;

namespace Rl.Internal;

/// <summary>Assemblies of users: the library's own and Orleans are shared with them where the program has them, so that
/// their types are the same; others they bring themselves.</summary>
[RequiresUnreferencedCode(Plugin.NotTrimmed)]
internal sealed class PluginContext : AssemblyLoadContext
{
    // Orleans looks through all assemblies of a process, and would find itself twice.
    private static readonly string[] SharedFamilies = ["Rl.", "Orleans."];

    private static readonly string[] Shared = ["FSharp.Core", "Microsoft.Extensions.Logging.Abstractions"];

    private readonly AssemblyDependencyResolver resolver;

    private PluginContext(string path)
        : base(Path.GetFileNameWithoutExtension(path))
    {
        resolver = new(path);
    }

    [UnconditionalSuppressMessage(
        "SingleFile", "IL3000", Justification = "An assembly within a single file has no place, and is not this file.")]
    public static Assembly Load(string path)
    {
        var full = Path.GetFullPath(path);
        if (!File.Exists(full))
        {
            throw new FileNotFoundException(
                $"There is no file {path}; give the assembly that a "
                    + "project is built to, such as bin/Release/net10.0/My.dll.",
                path);
        }

        // One file is one assembly: loaded twice, its types would differ.
        var loaded = AssemblyLoadContext.All.SelectMany(context => context.Assemblies)
            .FirstOrDefault(assembly => !assembly.IsDynamic && assembly.Location == full);
        if (loaded is not null)
        {
            return loaded;
        }

        try
        {
            return new PluginContext(full).LoadFromAssemblyPath(full);
        }
        catch (Exception error) when (
            error is BadImageFormatException or FileLoadException or InvalidOperationException)
        {
            throw new InvalidDataException(
                $"{path} is no assembly of .NET that can be loaded here: {error.Message}", error);
        }
    }

    protected override Assembly? Load(AssemblyName assemblyName) =>
        IsShared(assemblyName.Name!) && OfTheProgram(assemblyName) is { } here ? here
        : resolver.ResolveAssemblyToPath(assemblyName) is { } path ? LoadFromAssemblyPath(path)
        : null;

    private static bool IsShared(string name) =>
        Shared.Contains(name)
            || Array.Exists(SharedFamilies, family => name.StartsWith(family, StringComparison.Ordinal));

    /// <summary>The program's own; nothing where it has none. An older one than is asked for is an error.</summary>
    private static Assembly? OfTheProgram(AssemblyName name)
    {
        try
        {
            return Default.LoadFromAssemblyName(name);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    protected override IntPtr LoadUnmanagedDll(string unmanagedDllName) =>
        resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is { } path ? LoadUnmanagedDllFromPath(path) : IntPtr.Zero;
}
