using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Linq;
using System.Reflection;
using Rl.Internal;

namespace Rl;

/// <summary>What an assembly of your own adds to the library: algorithms and environments, by id, as if they were its
/// own.</summary>
/// <remarks>
/// Its algorithms are the public static values of type <c>AlgorithmEntry</c> (of <c>Rl.Core.Algorithms</c>), in F#
/// usually <c>let entry = AlgorithmEntry.create …</c> in a module. Its environments are the public classes that
/// implement <see cref="IEnvironment"/> and have a public constructor without parameters; the id is the name of the
/// class, or what a <see cref="System.ComponentModel.DisplayNameAttribute"/> says, and the summary what a
/// <see cref="System.ComponentModel.DescriptionAttribute"/> says.
/// </remarks>
public sealed record Plugin
{
    internal const string NotTrimmed =
        "A trimmed program lacks what only a plugin uses, and a native one loads no assemblies; register plugins in "
            + "programs that are neither.";

    private readonly ValueList<string> algorithms;
    private readonly ValueList<string> environments;

    private Plugin(string name, IEnumerable<string> algorithms, IEnumerable<string> environments)
    {
        Name = name;
        this.algorithms = ValueList<string>.Of(algorithms, nameof(algorithms));
        this.environments = ValueList<string>.Of(environments, nameof(environments));
    }

    /// <summary>The assembly's name.</summary>
    public string Name { get; }

    /// <summary>The ids of its algorithms, for <see cref="Rl.Algorithms.Options"/> and <c>rl train</c>.</summary>
    public IReadOnlyList<string> Algorithms => algorithms;

    /// <summary>The ids of its environments, for <see cref="Rl.Environments.Make(string)"/> and <c>rl
    /// train</c>.</summary>
    public IReadOnlyList<string> Environments => environments;

    /// <summary>Makes the algorithms and environments of an assembly known: they are listed, made, trained, saved and
    /// loaded by id from then on. Doing it again changes nothing.</summary>
    /// <param name="assembly">The assembly.</param>
    /// <exception cref="ArgumentException">It has neither, or an id that there is already; the message names it.
    /// Nothing is registered then.</exception>
    [RequiresUnreferencedCode(NotTrimmed)]
    public static Plugin Register(Assembly assembly)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        var name = assembly.GetName().Name ?? assembly.ToString();
        var types = Types(assembly, name);
        var entries = PluginParts.Algorithms(types);
        var made = PluginParts.Environments(types, name);
        if (entries.Count == 0 && made.Count == 0)
        {
            throw new ArgumentException(
                $"{name} has no algorithm (a public static AlgorithmEntry) and no environment (a public class that "
                    + "implements IEnvironment, with a constructor without parameters).",
                nameof(assembly));
        }

        Registered.Add(assembly, entries, made);
        return new(name, entries.Select(entry => entry.Id), made.Select(environment => environment.Id));
    }

    /// <summary><see cref="Register"/> for an assembly in a file. What it needs besides the library is looked for
    /// beside it.</summary>
    /// <param name="path">The file, usually a <c>.dll</c>. Its code runs with your rights: load only what you
    /// trust.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is no assembly of .NET, or needs one that is not there; the
    /// message says which.</exception>
    /// <exception cref="ArgumentException">It has neither algorithm nor environment, or an id that there is
    /// already.</exception>
    [RequiresUnreferencedCode(NotTrimmed)]
    public static Plugin Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Register(PluginContext.Load(path));
    }

    [RequiresUnreferencedCode(NotTrimmed)]
    private static Type[] Types(Assembly assembly, string name)
    {
        try
        {
            return assembly.GetExportedTypes();
        }
        catch (Exception error) when (error is FileNotFoundException or FileLoadException or TypeLoadException)
        {
            throw new InvalidDataException(
                $"{name} needs what is not there, or another version of it: {error.Message}", error);
        }
    }
}
