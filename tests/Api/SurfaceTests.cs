using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Xml.Linq;
using Xunit;

namespace Rl.Tests.Api;

public sealed class SurfaceTests
{
    private const BindingFlags Visible = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
        | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Assembly Facade = typeof(Agent).Assembly;

    [Fact]
    public void No_public_signature_names_a_type_of_FSharp_Core_or_of_the_core()
    {
        var leaks = Facade.GetExportedTypes().SelectMany(
            type => Signatures(type).Where(IsForeign).Select(leak => $"{type}: {leak}")).ToList();
        Assert.Empty(leaks);
    }

    [Fact]
    public void The_search_for_leaks_would_find_one()
    {
        var convert = Facade.GetType("Rl.Internal.Convert")!;
        Assert.Contains(
            convert.GetMethods(BindingFlags.Public | BindingFlags.Static).SelectMany(SignatureOf).SelectMany(Parts),
            IsForeign);
    }

    [Fact]
    public void Every_public_type_is_in_the_namespace_Rl() =>
        Assert.All(Facade.GetExportedTypes(), type => Assert.Equal("Rl", type.Namespace));

    [Fact]
    public void Every_public_type_has_a_documented_purpose()
    {
        var documentation = XDocument.Load(Path.ChangeExtension(Facade.Location, ".xml"));
        var documented =
            documentation.Descendants("member").Select(member => (string?)member.Attribute("name")).ToHashSet();
        Assert.All(
            Facade.GetExportedTypes(), type => Assert.Contains($"T:{type.FullName!.Replace('+', '.')}", documented));
    }

    [Fact]
    public void Only_Convert_knows_FSharp()
    {
        var files = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(
                file => !file.Contains(
                    $"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Where(file => File.ReadAllText(file).Contains("Microsoft.FSharp", StringComparison.Ordinal))
            .Select(Path.GetFileName);
        Assert.Equal(
            ["Convert.Options.cs", "Convert.Recordings.cs", "Convert.cs"], files.Order(StringComparer.Ordinal));
    }

    /// <summary>The types of FSharp.Core or of the core in the public signatures of a type.</summary>
    internal static IEnumerable<Type> Leaks(Type type) => Signatures(type).Where(IsForeign);

    private static IEnumerable<Type> Signatures(Type type)
    {
        var members = type.GetMembers(Visible).Where(IsExported).SelectMany(SignatureOf);
        return members.Concat(type.GetInterfaces()).Append(type.BaseType ?? typeof(object)).SelectMany(Parts);
    }

    private static bool IsExported(MemberInfo member) => member switch
    {
        MethodBase method => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly,
        FieldInfo field => field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly,
        _ => false,
    };

    private static IEnumerable<Type> SignatureOf(MemberInfo member) => member switch
    {
        MethodInfo method =>
            method.GetParameters().Select(parameter => parameter.ParameterType).Append(method.ReturnType),
        ConstructorInfo constructor => constructor.GetParameters().Select(parameter => parameter.ParameterType),
        FieldInfo field => [field.FieldType],
        _ => [],
    };

    private static IEnumerable<Type> Parts(Type type)
    {
        IEnumerable<Type> inner = type.HasElementType ? [type.GetElementType()!] : type.GetGenericArguments();
        return inner.SelectMany(Parts).Append(type);
    }

    private static bool IsForeign(Type type) =>
        type.Assembly.GetName().Name is "FSharp.Core" or "Rl.Core.FSharp";
}
