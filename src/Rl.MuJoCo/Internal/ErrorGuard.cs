using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Rl.MuJoCo.Internal;

/// <summary>Calls functions of MuJoCo so that its fatal errors become exceptions.</summary>
/// <remarks>
/// For such an error MuJoCo calls a function that must not return, and otherwise ends the process. Exceptions cannot
/// pass through native frames, so a few native instructions do what <c>setjmp</c> and <c>longjmp</c> do in C:
/// <c>call</c> notes the stack and the registers that a function must keep, and calls MuJoCo; <c>fail</c>, MuJoCo's
/// error function, lets managed code take the message, and returns from <c>call</c> in MuJoCo's stead. The frames
/// between are MuJoCo's alone. Elsewhere than on Linux with x86-64, a fatal error ends the process with its message.
/// </remarks>
internal static unsafe partial class ErrorGuard
{
    private const int ReadWrite = 3;
    private const int ReadExecute = 5;
    private const int PrivateAnonymous = 0x22;

    /// <summary><c>call(area, function, a, b, c, d)</c>: rbx, rbp, r12 to r15 and rsp to the area; then function(a, b,
    /// c, d).</summary>
    private static readonly byte[] CallCode =
    [
        0x48, 0x89, 0x1F, // mov [rdi], rbx
        0x48, 0x89, 0x6F, 0x08, // mov [rdi+8], rbp
        0x4C, 0x89, 0x67, 0x10, // mov [rdi+16], r12
        0x4C, 0x89, 0x6F, 0x18, // mov [rdi+24], r13
        0x4C, 0x89, 0x77, 0x20, // mov [rdi+32], r14
        0x4C, 0x89, 0x7F, 0x28, // mov [rdi+40], r15
        0x48, 0x89, 0x67, 0x30, // mov [rdi+48], rsp
        0x48, 0x89, 0xF0, // mov rax, rsi
        0x48, 0x89, 0xD7, // mov rdi, rdx
        0x48, 0x89, 0xCE, // mov rsi, rcx
        0x4C, 0x89, 0xC2, // mov rdx, r8
        0x4C, 0x89, 0xC9, // mov rcx, r9
        0x48, 0x83, 0xEC, 0x08, // sub rsp, 8
        0xFF, 0xD0, // call rax
        0x48, 0x83, 0xC4, 0x08, // add rsp, 8
        0xC3, // ret
    ];

    /// <summary><c>fail(message)</c>: area = take(message); registers from the area; return 0 from <c>call</c>. The
    /// address of <c>take</c> follows the first six bytes.</summary>
    private static readonly byte[] FailCode =
    [
        0x48, 0x83, 0xEC, 0x08, // sub rsp, 8
        0x48, 0xB8, // mov rax, address
        0, 0, 0, 0, 0, 0, 0, 0,
        0xFF, 0xD0, // call rax
        0x48, 0x8B, 0x18, // mov rbx, [rax]
        0x48, 0x8B, 0x68, 0x08, // mov rbp, [rax+8]
        0x4C, 0x8B, 0x60, 0x10, // mov r12, [rax+16]
        0x4C, 0x8B, 0x68, 0x18, // mov r13, [rax+24]
        0x4C, 0x8B, 0x70, 0x20, // mov r14, [rax+32]
        0x4C, 0x8B, 0x78, 0x28, // mov r15, [rax+40]
        0x48, 0x8B, 0x60, 0x30, // mov rsp, [rax+48]
        0x31, 0xC0, // xor eax, eax
        0xC3, // ret
    ];

    private static readonly (nint Call, nint Fail) Code = Make();

    [ThreadStatic]
    private static nint* area;

    [ThreadStatic]
    private static string? message;

    /// <summary>Whether fatal errors become exceptions here.</summary>
    public static bool IsActive => Code.Call != 0;

    /// <summary>What MuJoCo is to call for a fatal error: its variable <c>mju_user_error</c>.</summary>
    public static nint ErrorFunction =>
        IsActive ? Code.Fail : (nint)(delegate* unmanaged[Cdecl]<byte*, nint>)&Take;

    /// <summary>What MuJoCo is to call for a warning, instead of writing it to a file and to the console: its variable
    /// <c>mju_user_warning</c>.</summary>
    public static nint WarningFunction => (nint)(delegate* unmanaged[Cdecl]<byte*, void>)&Ignore;

    /// <summary>Calls a function with up to four arguments.</summary>
    /// <exception cref="MujocoException">It met a fatal error. What it worked on must not be used again.</exception>
    public static nint Call(nint function, nint a = 0, nint b = 0, nint c = 0, nint d = 0)
    {
        if (!IsActive)
        {
            return ((delegate* unmanaged[Cdecl]<nint, nint, nint, nint, nint>)function)(a, b, c, d);
        }

        var registers = stackalloc nint[7];
        var before = area;
        area = registers;
        var result = ((delegate* unmanaged[Cdecl]<nint*, nint, nint, nint, nint, nint, nint>)Code.Call)(
            registers, function, a, b, c, d);
        area = before;
        if (message is { } error)
        {
            message = null;
            throw new MujocoException($"MuJoCo: {error}");
        }

        return result;
    }

    private static (nint Call, nint Fail) Make()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return (0, 0);
        }

        var size = (nuint)System.Environment.SystemPageSize;
        var page = MapMemory(0, size, ReadWrite, PrivateAnonymous, -1, 0);
        if (page == -1)
        {
            return (0, 0);
        }

        var room = new Span<byte>((void*)page, (int)size);
        CallCode.CopyTo(room);
        var fail = (CallCode.Length + 15) / 16 * 16;
        FailCode.CopyTo(room[fail..]);
        BitConverter.TryWriteBytes(room[(fail + 6)..], (long)(nint)(delegate* unmanaged[Cdecl]<byte*, nint>)&Take);
        // Where memory may not become code, errors end the process.
        return ProtectMemory(page, size, ReadExecute) == 0 ? (page, page + fail) : (0, 0);
    }

    /// <summary>Takes the message of a fatal error, and says where to go on.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint Take(byte* text)
    {
        var told = Marshal.PtrToStringUTF8((nint)text) ?? "an error without a message";
        if (!IsActive || area is null)
        {
            System.Environment.FailFast($"MuJoCo met an error that it cannot go on from: {told}");
        }

        message = told;
        return (nint)area;
    }

    /// <summary>Warnings are told by the counters of a simulation.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Ignore(byte* text)
    {
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint MapMemory(
        nint address, nuint size, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ProtectMemory(nint address, nuint size, int protection);
}
